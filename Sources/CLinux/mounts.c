// The new mount interface and its neighbours: each function is named in CLinuxMount.h.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/securebits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CLinuxMount.h"

_Static_assert(CLINUX_ATTR_RDONLY == MOUNT_ATTR_RDONLY && CLINUX_ATTR_NOSUID == MOUNT_ATTR_NOSUID &&
                   CLINUX_ATTR_NODEV == MOUNT_ATTR_NODEV && CLINUX_ATTR_NOEXEC == MOUNT_ATTR_NOEXEC &&
                   CLINUX_ATTR_IDMAP == MOUNT_ATTR_IDMAP,
               "same bits");
_Static_assert(CLINUX_RESOLVE_IN_ROOT == RESOLVE_IN_ROOT &&
                   CLINUX_RESOLVE_NO_SYMLINKS == RESOLVE_NO_SYMLINKS &&
                   CLINUX_RESOLVE_NO_MAGICLINKS == RESOLVE_NO_MAGICLINKS,
               "same bits");

static int close_with(int fd, int error) {
  close(fd);
  errno = error;
  return -1;
}

int clinux_openat2(int dir, const char *path, int flags, uint64_t resolve) {
  struct open_how how = {.flags = (uint64_t)(flags | O_CLOEXEC), .resolve = resolve};
  int fd = -1;
  for (int attempt = 0; attempt < 16; attempt++) {
    fd = (int)syscall(SYS_openat2, dir, path, &how, sizeof how);
    if (fd >= 0 || errno != EAGAIN) break;
  }
  return fd;
}

int clinux_open_tree(int dir, const char *path, int recursive) {
  unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? AT_RECURSIVE : 0);
  return (int)syscall(SYS_open_tree, dir, path, flags | AT_EMPTY_PATH);
}

static int configure(int context, const char *option) {
  const char *equals = strchr(option, '=');
  if (!equals) return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_FLAG, option, NULL, 0);
  char key[64];
  if ((size_t)(equals - option) >= sizeof key) {
    errno = EINVAL;
    return -1;
  }
  memcpy(key, option, (size_t)(equals - option));
  key[equals - option] = 0;
  return (int)syscall(SYS_fsconfig, context, FSCONFIG_SET_STRING, key, equals + 1, 0);
}

int clinux_make_mount(
    const char *type, const char *const *options, int option_count, unsigned attributes) {
  int context = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
  if (context < 0) return -1;
  for (int i = 0; i < option_count; i++)
    if (configure(context, options[i]) < 0) return close_with(context, errno);
  if (syscall(SYS_fsconfig, context, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
    return close_with(context, errno);
  int mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, attributes);
  int error = errno;
  close(context);
  errno = error;
  return mount;
}

int clinux_attach_mount(int mount, int target) {
  return (int)syscall(
      SYS_move_mount, mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH);
}

int clinux_set_mount_attributes(
    int mount, int recursive, uint64_t set, uint64_t clear, int userns) {
  struct mount_attr attributes = {
      .attr_set = set,
      .attr_clr = clear,
      .propagation = 1 << 18 /* MS_PRIVATE */,
      .userns_fd = userns < 0 ? 0 : (uint64_t)userns,
  };
  unsigned flags = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return (int)syscall(SYS_mount_setattr, mount, "", flags, &attributes, sizeof attributes);
}

int clinux_pivot_into(int root) {
  // pivot_root(2): with both places the same, the old root lies on top of the new one, and is there to
  // be taken off. No folder of the new root is needed for it.
  if (fchdir(root) < 0) return -1;
  if (syscall(SYS_pivot_root, ".", ".") < 0) return -1;
  if (syscall(SYS_umount2, ".", 2 /* MNT_DETACH */) < 0) return -1;
  return chdir("/");
}

int clinux_make_device(int dir, const char *name, mode_t mode, unsigned major, unsigned minor) {
  mode_t mask = umask(0);
  int result = mknodat(dir, name, S_IFCHR | mode, makedev(major, minor));
  umask(mask);
  return result;
}

static int write_map(int proc, pid_t pid, const char *file, uint32_t first, uint32_t count) {
  char path[64], line[64];
  snprintf(path, sizeof path, "%d/%s", pid, file);
  int size = snprintf(line, sizeof line, "0 %u %u\n", first, count);
  int fd = openat(proc, path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  ssize_t written = write(fd, line, (size_t)size);
  int error = errno;
  close(fd);
  errno = error;
  return written == size ? 0 : -1;
}

// A process that holds new namespaces until it is killed, or its parent has ended; -1 and errno. It
// keeps no descriptor: what others wait for the end of must not stay open with it.
static pid_t hold_namespaces(int flags) {
  pid_t parent = getpid();
  pid_t pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid != 0) return pid;
  syscall(SYS_close_range, 0, ~0u, 0);
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent) _exit(1);
  for (;;) syscall(SYS_pause);
}

static int open_namespace(int proc, pid_t pid, const char *kind) {
  char path[64];
  snprintf(path, sizeof path, "%d/ns/%s", pid, kind);
  return openat(proc, path, O_RDONLY | O_CLOEXEC);
}

static void let_go(pid_t pid) {
  int error = errno;
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) continue;
  errno = error;
}

static int map_ids(int proc, pid_t pid, uint32_t first, uint32_t count) {
  return write_map(proc, pid, "uid_map", first, count) < 0
             ? -1
             : write_map(proc, pid, "gid_map", first, count);
}

int clinux_user_namespace(int proc, uint32_t first, uint32_t count) {
  pid_t pid = hold_namespaces(CLONE_NEWUSER);
  if (pid < 0) return -1;
  int fd = map_ids(proc, pid, first, count) < 0 ? -1 : open_namespace(proc, pid, "user");
  let_go(pid);
  return fd;
}

// The effective user id of this process, with its capabilities left as they are.
static int become(uint32_t id) {
  int bits = prctl(PR_GET_SECUREBITS);
  if (bits < 0 || prctl(PR_SET_SECUREBITS, bits | SECBIT_NO_SETUID_FIXUP) < 0) return -1;
  int result = setresuid((uid_t)-1, id, (uid_t)-1);
  int error = errno;
  if (prctl(PR_SET_SECUREBITS, bits) < 0) return -1;
  errno = error;
  return result;
}

// In whose eyes the namespaces are his own: user_namespaces(7) gives all capabilities over a namespace
// to whoever has its creator's effective user id, and a job that is root has root's.
static pid_t hold_namespaces_of(uint32_t id, int flags) {
  uid_t own = geteuid();
  if (become(id) < 0) return -1;
  pid_t pid = hold_namespaces(flags);
  int error = errno;
  if (become(own) < 0) abort();  // nothing may go on as somebody else
  errno = error;
  return pid;
}

int clinux_owned_network(int proc, uint32_t id, int namespaces[2]) {
  // clone(2): with both flags the user namespace comes first, and owns the other.
  pid_t pid = hold_namespaces_of(id, CLONE_NEWUSER | CLONE_NEWNET);
  if (pid < 0) return -1;
  int user = map_ids(proc, pid, id, 1) < 0 ? -1 : open_namespace(proc, pid, "user");
  int network = user < 0 ? -1 : open_namespace(proc, pid, "net");
  let_go(pid);
  if (network < 0) return user < 0 ? -1 : close_with(user, errno);
  namespaces[0] = user;
  namespaces[1] = network;
  return 0;
}

int clinux_enter_network(int network) { return setns(network, CLONE_NEWNET); }
