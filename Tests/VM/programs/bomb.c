// bomb SECONDS: every process forks until the kernel refuses; the first one then tells how many
// children it got, and all end after SECONDS.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  unsigned seconds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
  pid_t first = getpid();
  int children = 0;
  alarm(seconds);
  for (int attempt = 0; attempt < 10000; attempt++) {
    pid_t pid = fork();
    if (pid == 0) {
      alarm(seconds);  // not inherited, see alarm(2)
      children = 0;
    } else if (pid > 0) {
      children++;
    } else if (getpid() == first) {
      printf("refused after %d children: %s\n", children, strerror(errno));
      fflush(stdout);
      break;
    }
  }
  for (;;) pause();
}
