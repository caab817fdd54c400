// stamp write COUNT MICROSECONDS: prints the monotonic time in a line, so often, with such pauses.
// stamp read: for each such line on stdin, prints how many microseconds ago it was written.
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static void write_lines(long count, long pause) {
  char line[32];
  while (count-- > 0) {
    int length = snprintf(line, sizeof line, "%020" PRId64 "\n", now());
    if (write(1, line, (size_t)length) != length) exit(1);
    usleep((useconds_t)pause);
  }
}

static void read_lines(void) {
  char buffer[1 << 16];
  size_t held = 0;
  for (ssize_t got; (got = read(0, buffer + held, sizeof buffer - held)) > 0;) {
    int64_t time = now();
    held += (size_t)got;
    size_t done = 0;
    for (; held - done >= 21; done += 21)
      printf("%" PRId64 "\n", (time - strtoll(buffer + done, NULL, 10)) / 1000);
    memmove(buffer, buffer + done, held -= done);
  }
}

int main(int count, char **arguments) {
  if (count == 4 && !strcmp(arguments[1], "write"))
    write_lines(atol(arguments[2]), atol(arguments[3]));
  else if (count == 2 && !strcmp(arguments[1], "read"))
    read_lines();
  else
    return 2;
  return 0;
}
