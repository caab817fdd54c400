// writable: names the files of the kernel in /proc, but for those of processes, that take a write of no
// bytes. Root may open them all; most have nothing that takes what is written.
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int look(const char *path, const struct stat *status, int type, struct FTW *at) {
  const char *name = path + at->base;
  if (at->level == 1 && (strspn(name, "0123456789") > 0 || strstr(name, "self"))) return FTW_SKIP_SUBTREE;
  if (type != FTW_F || !S_ISREG(status->st_mode)) return FTW_CONTINUE;
  int fd = open(path, O_WRONLY | O_NONBLOCK);
  if (fd < 0) return FTW_CONTINUE;
  if (write(fd, "", 0) == 0) puts(path);
  close(fd);
  return FTW_CONTINUE;
}

int main(void) { return nftw("/proc", look, 16, FTW_PHYS | FTW_ACTIONRETVAL); }
