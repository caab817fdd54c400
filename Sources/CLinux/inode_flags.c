// ioctl_iflags(2). By itself, as <linux/fs.h> and <sys/mount.h> declare the same things.
#include <linux/fs.h>
#include <sys/ioctl.h>

#include "CLinux.h"

void clinux_spread_folders(int fd) {
  int flags = 0;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return;
  flags |= FS_TOPDIR_FL;
  (void)ioctl(fd, FS_IOC_SETFLAGS, &flags);
}
