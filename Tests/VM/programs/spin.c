// spin SECONDS: computes for SECONDS of wall-clock time, then prints the processor time it got and
// the wall-clock time it took, in microseconds.
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static long long microseconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

int main(int argc, char **argv) {
  long long wanted = (argc > 1 ? strtoll(argv[1], NULL, 10) : 1) * 1000000;
  long long start = microseconds(CLOCK_MONOTONIC), wall;
  do {
    for (volatile int i = 0; i < 100000; i++) continue;
    wall = microseconds(CLOCK_MONOTONIC) - start;
  } while (wall < wanted);
  printf("%lld %lld\n", microseconds(CLOCK_PROCESS_CPUTIME_ID), wall);
  return 0;
}
