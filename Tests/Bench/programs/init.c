// init ERROR_PIPE PROGRAM: the least a PID 1 can do. Starts the program, closes the pipe, reaps.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  int error_pipe = atoi(argv[1]);
  fcntl(error_pipe, F_SETFD, FD_CLOEXEC);
  pid_t target = vfork();
  if (target == 0) {
    execv(argv[2], argv + 2);
    _exit(127);
  }
  close(error_pipe);
  int status;
  while (waitpid(-1, &status, 0) != target) continue;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
