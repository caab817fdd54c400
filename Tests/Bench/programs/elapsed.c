// elapsed COUNT COMMAND...: runs the command COUNT times, its output thrown away, and prints the
// microseconds of each. Ends with 1 as soon as one fails. Waits PAUSE_MS before each.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long long microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char **argv) {
  if (argc < 3) return 2;
  const char *pause = getenv("PAUSE_MS");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  for (int left = atoi(argv[1]); left > 0; left--) {
    pid_t pid;
    int status;
    if (pause) usleep((useconds_t)atoi(pause) * 1000);
    long long start = microseconds();
    if (posix_spawnp(&pid, argv[2], &actions, NULL, argv + 2, environ) != 0) return 1;
    waitpid(pid, &status, 0);
    if (status != 0) return 1;
    printf("%lld\n", microseconds() - start);
    fflush(stdout);
  }
  return 0;
}
