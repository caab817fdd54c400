// Mounts by descriptor: what is mounted where is never looked up twice, so no link or rename can lead
// a mount elsewhere. C because <linux/mount.h> clashes with <sys/mount.h>, and for bare system calls.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#define CLINUX_ATTR_RDONLY 0x1UL
#define CLINUX_ATTR_NOSUID 0x2UL
#define CLINUX_ATTR_NODEV 0x4UL
#define CLINUX_ATTR_NOEXEC 0x8UL
#define CLINUX_ATTR_IDMAP 0x00100000UL

#define CLINUX_RESOLVE_NO_MAGICLINKS 0x02UL
#define CLINUX_RESOLVE_NO_SYMLINKS 0x04UL
#define CLINUX_RESOLVE_IN_ROOT 0x10UL

/// openat2(2) with O_CLOEXEC; what a rename made uncertain (EAGAIN) is tried again a few times.
int clinux_openat2(int dir, const char *path, int flags, uint64_t resolve);
/// A detached copy of the mount at `path` relative to `dir`, or of `dir` itself when `path` is empty,
/// see open_tree(2); with all that is mounted below when `recursive`.
int clinux_open_tree(int dir, const char *path, int recursive);
/// A new, detached file system with `options` (`key=value`, or `key` alone) and mount attributes, see
/// fsopen(2), fsconfig(2), fsmount(2).
int clinux_make_mount(
    const char *type, const char *const *options, int option_count, unsigned attributes);
/// Attaches a detached mount on the file or folder that `target` is a descriptor of, see move_mount(2).
int clinux_attach_mount(int mount, int target);
/// mount_setattr(2) on the mount that `mount` is a descriptor of; makes it private as well. With
/// CLINUX_ATTR_IDMAP in `set`, `userns` is the user namespace to map ids through.
int clinux_set_mount_attributes(int mount, int recursive, uint64_t set, uint64_t clear, int userns);
/// Makes the mount `root` the root of this mount namespace and lets go of all that was mounted before,
/// see pivot_root(2).
int clinux_pivot_into(int root);

/// A character device with exactly this mode, see mknodat(2).
int clinux_make_device(
    int dir, const char *name, mode_t mode, unsigned major, unsigned minor);
/// A new user namespace in which the ids 0 to `count` - 1 are `first` and up outside; -1 and errno on
/// failure; `proc` is the proc(5) of the caller's PID namespace. C because the child that holds the
/// namespace while it is mapped must not run Swift. The caller must have one thread.
int clinux_user_namespace(int proc, uint32_t first, uint32_t count);
/// A new user namespace with root alone, who is `id` outside, and a new network namespace that it owns,
/// in this order in `namespaces`; -1 and errno on failure. As above otherwise.
int clinux_owned_network(int proc, uint32_t id, int namespaces[2]);
/// Moves the calling process, which has one thread, into a network namespace, see setns(2).
int clinux_enter_network(int network);
