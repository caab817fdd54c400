// The few calls Swift cannot make safely or cannot see, each with its contract.
//
// Every function returns -1 and errno like libc, so that `check` in the Linux target serves all.
#pragma once
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "CLinuxDescriptors.h"
#include "CLinuxMount.h"
#include "CLinuxSocket.h"
#include "CLinuxSpawn.h"

#define CLINUX_EPOLLIN 0x001
#define CLINUX_EPOLLOUT 0x004
#define CLINUX_EPOLLERR 0x008
#define CLINUX_EPOLLHUP 0x010
#define CLINUX_EPOLLRDHUP 0x2000
#define CLINUX_EPOLL_ADD 1
#define CLINUX_EPOLL_REMOVE 2
#define CLINUX_EPOLL_MODIFY 3
#define CLINUX_CLD_EXITED 1
#define CLINUX_IN_IGNORED 0x00008000
#define CLINUX_IN_Q_OVERFLOW 0x00004000

/// One answer of epoll. C because `epoll_event` is packed on x86_64, which Swift cannot express.
struct clinux_epoll_event {
  uint32_t events;
  uint64_t token;
} __attribute__((packed));

/// epoll, eventfd, timerfd, inotify, signalfd: C because Swift's Glibc module lacks their headers.
int clinux_epoll_create(void);
int clinux_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token);
int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int count, int timeout_ms);
int clinux_eventfd(void);
int clinux_timerfd(void);
/// Fires once after `nanoseconds`; 0 disarms.
int clinux_timerfd_set(int timer, uint64_t nanoseconds);
int clinux_inotify(void);
int clinux_inotify_watch(int inotify, const char *path);
/// Watches what names come to be and go in a folder, with `files` also what is written to its files;
/// adds to a watch that is there.
int clinux_inotify_watch_names(int inotify, const char *path, int files);
int clinux_inotify_unwatch(int inotify, int watch);
int clinux_signalfd(const sigset_t *mask);
/// The number of the next signal, 0 when there is none.
int clinux_signalfd_next(int fd);

/// Lets malloc(3) keep what streams of output allocate and free all the time: with its defaults the
/// pages go back to the kernel and come again, a third of the server's time (measured).
void clinux_tune_malloc(void);

/// The magic number of the file system at `path`, see statfs(2); -1 and errno on failure.
int64_t clinux_file_system_type(const char *path);

/// No core dumps (RLIMIT_CORE), and nobody but root may look at the process's memory (PR_SET_DUMPABLE):
/// -1 and errno on failure. C because prctl(2) is variadic.
int clinux_keep_secrets(void);

/// Behind _GNU_SOURCE, which Swift's Glibc module is built without.
int clinux_pipe(int ends[2]);
ssize_t clinux_random(void *buffer, size_t count);
const char *clinux_error_text(int error);
const char *clinux_error_name(int error);
const char *clinux_signal_name(int signal);
/// 1 when the process ignores the signal, 0 when not. C because Swift cannot compare SIG_IGN.
int clinux_signal_is_ignored(int signal);
int clinux_name_thread(const char *name);

/// pidfds: C because glibc 2.36 has no headers for them that Swift imports.
int clinux_pidfd_open(pid_t pid);
int clinux_pidfd_send_signal(int pidfd, int signal);
/// 1 and the child's si_code and si_status; 0 when `nohang` and it still runs.
int clinux_waitid_pidfd(int pidfd, int nohang, int *code, int *status);
/// Reaps any child that has ended: its pid and wait status as by waitpid(2); 0 when none has.
pid_t clinux_reap_any(int *status);

/// mount(2): C because <sys/mount.h> clashes with <linux/mount.h>.
int clinux_mount(
    const char *source, const char *target, const char *type, unsigned long flags,
    const char *data);
#define CLINUX_MS_RDONLY 1UL
#define CLINUX_MS_NOSUID 2UL
#define CLINUX_MS_NODEV 4UL
#define CLINUX_MS_NOEXEC 8UL
#define CLINUX_MS_REMOUNT 32UL
#define CLINUX_MS_BIND 4096UL
#define CLINUX_MS_REC 16384UL
#define CLINUX_MS_PRIVATE (1UL << 18)

/// Brings the interface `lo` of the current network namespace up, see netdevice(7).
int clinux_loopback_up(void);
/// Makes an IPv4 network (dotted, with its mask) unreachable, see SIOCADDRT and RTF_REJECT in route(8).
int clinux_reject_route(const char *network, const char *mask);
/// An entry for good in the neighbour table of `device`, see SIOCSARP in arp(7).
int clinux_fix_neighbour(const char *device, const char *address);
/// sync_file_range(2) of the whole file, which waits for nothing; a hint, so it tells of no error.
void clinux_start_writing(int fd);
/// Tells the file system that the folders in this one have nothing to do with each other, see T in chattr(1);
/// a hint that ext4 knows, so it tells of no error.
void clinux_spread_folders(int fd);
/// unshare(CLONE_NEWNET), for a process of one thread.
int clinux_unshare_network(void);
/// sethostname(2).
int clinux_set_hostname(const char *name, size_t length);
/// SIGKILL for the calling process when its parent thread ends, see PR_SET_PDEATHSIG in prctl(2).
int clinux_die_with_parent(void);
/// PR_SET_DUMPABLE 0: /proc/PID of the calling process belongs to root and no core is written.
int clinux_set_undumpable(void);
/// Drops every capability that is not in `keep`, a bit set, from the calling thread's bounding set, see
/// PR_CAPBSET_DROP in prctl(2).
int clinux_drop_bounding(uint64_t keep);
/// A new, empty session keyring for the calling process, see KEYCTL_JOIN_SESSION_KEYRING in keyctl(2).
int clinux_new_session_keyring(void);
/// Closes every descriptor from `first` on, see close_range(2).
int clinux_close_from(unsigned int first);
/// A memfd with `size` bytes of `data`, sealed against any change, close-on-exec.
int clinux_sealed_memfd(const char *name, const void *data, size_t size);
/// preadv2(2) with RWF_NOWAIT: EAGAIN when the bytes are not in the page cache.
ssize_t clinux_pread_nowait(int fd, void *buffer, size_t count, off_t offset);
/// renameat2(2), RENAME_NOREPLACE when `exclusive`.
int clinux_rename(int old_dir, const char *old_name, int new_dir, const char *new_name,
                  int exclusive);
/// The version of the kernel's file handle to `path` relative to `dir`, O_PATH | O_CLOEXEC.
int clinux_open_path(int dir, const char *path);

/// A line of the seccomp filter's deny list.
struct clinux_denied_call {
  const char *name;
  int number;
  int error;
  const char *reason;
};
const struct clinux_denied_call *clinux_denied_calls(int *count);

/// CRC-32C (Castagnoli, RFC 3720 appendix B.4), continued from `crc`; start with 0. C for SSE4.2.
uint32_t clinux_crc32c(uint32_t crc, const void *data, size_t size);
