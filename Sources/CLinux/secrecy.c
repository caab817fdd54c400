// What keeps the memory of this process to itself.
#include <sys/prctl.h>
#include <sys/resource.h>

#include "CLinux.h"

int clinux_keep_secrets(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_CORE, &limit) == -1) return -1;
  limit.rlim_cur = 0;  // the hard limit stays: it is what jobs get
  if (setrlimit(RLIMIT_CORE, &limit) == -1) return -1;
  return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
}
