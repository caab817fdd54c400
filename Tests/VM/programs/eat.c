// eat MIB [SECONDS]: takes MIB of memory page by page, then holds it.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  size_t mib = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
  for (size_t taken = 0; taken < mib; taken++) {
    char *block = malloc(1 << 20);
    if (!block) return 3;
    memset(block, 1 + (int)taken, 1 << 20);
  }
  printf("took %zu MiB\n", mib);
  fflush(stdout);
  sleep(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0);
  return 0;
}
