// direct write|read FILE KIB: moves KIB through O_DIRECT in blocks of 64 KiB and prints the bytes a
// second.
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

int main(int argc, char **argv) {
  enum { block = 64 * 1024 };
  if (argc < 4) return 2;
  int writing = strcmp(argv[1], "write") == 0;
  long long total = strtoll(argv[3], NULL, 10) * 1024;
  void *buffer;
  if (posix_memalign(&buffer, 4096, block) != 0) return 3;
  memset(buffer, 'x', block);
  int fd = open(argv[2], writing ? O_WRONLY | O_CREAT | O_TRUNC | O_DIRECT : O_RDONLY | O_DIRECT, 0600);
  if (fd < 0) {
    perror(argv[2]);
    return 1;
  }
  double start = seconds();
  for (long long done = 0; done < total;) {
    ssize_t count = writing ? write(fd, buffer, block) : read(fd, buffer, block);
    if (count <= 0) {
      perror(argv[1]);
      return 1;
    }
    done += count;
  }
  printf("%.0f\n", (double)total / (seconds() - start));
  return 0;
}
