// contained CGROUP PROGRAM...: runs PROGRAM as in a container with a delegated cgroup2: born in
// CGROUP, in a cgroup namespace whose root that is, and with that root as its /sys/fs/cgroup.
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <sys/mount.h>
#include <unistd.h>

int main(int argc, char **argv) {
  char path[4096];
  if (argc < 3) return 2;
  snprintf(path, sizeof path, "%s/cgroup.procs", argv[1]);
  int fd = open(path, O_WRONLY);
  if (fd < 0 || write(fd, "0", 1) != 1) return perror(path), 125;
  close(fd);
  if (unshare(CLONE_NEWCGROUP | CLONE_NEWNS) < 0) return perror("unshare"), 125;
  if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) return perror("private"), 125;
  if (umount2("/sys/fs/cgroup", MNT_DETACH) < 0) return perror("umount"), 125;
  if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, NULL) < 0) return perror("mount"), 125;
  execvp(argv[2], argv + 2);
  return perror(argv[2]), 127;
}
