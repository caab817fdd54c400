// Thin wrappers: each is one call, named in CLinux.h.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CLinux.h"

_Static_assert(sizeof(struct clinux_epoll_event) == sizeof(struct epoll_event), "same layout");
_Static_assert(CLINUX_EPOLLRDHUP == EPOLLRDHUP && CLINUX_EPOLLHUP == EPOLLHUP, "same bits");
_Static_assert(CLINUX_CLD_EXITED == CLD_EXITED, "same code");
_Static_assert(CLINUX_IN_IGNORED == IN_IGNORED, "same bit");
_Static_assert(CLINUX_IN_Q_OVERFLOW == IN_Q_OVERFLOW, "same bit");

int clinux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }

int clinux_epoll_control(int epoll, int operation, int fd, uint32_t events, uint64_t token) {
  struct epoll_event event = {.events = events, .data.u64 = token};
  return epoll_ctl(epoll, operation, fd, &event);
}

int clinux_epoll_wait(int epoll, struct clinux_epoll_event *events, int count, int timeout_ms) {
  return epoll_wait(epoll, (struct epoll_event *)events, count, timeout_ms);
}

int clinux_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int clinux_timerfd(void) {
  return timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
}

int clinux_timerfd_set(int timer, uint64_t nanoseconds) {
  struct itimerspec spec = {0};
  spec.it_value.tv_sec = (time_t)(nanoseconds / 1000000000);
  spec.it_value.tv_nsec = (long)(nanoseconds % 1000000000);
  return timerfd_settime(timer, 0, &spec, NULL);
}

int clinux_inotify(void) { return inotify_init1(IN_CLOEXEC | IN_NONBLOCK); }

int clinux_inotify_watch(int inotify, const char *path) {
  return inotify_add_watch(inotify, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
}

int clinux_inotify_watch_names(int inotify, const char *path, int files) {
  uint32_t names = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ONLYDIR | IN_MASK_ADD;
  return inotify_add_watch(inotify, path, files ? names | IN_MODIFY | IN_ATTRIB : names);
}

int clinux_inotify_unwatch(int inotify, int watch) { return inotify_rm_watch(inotify, watch); }

int clinux_signalfd(const sigset_t *mask) { return signalfd(-1, mask, SFD_CLOEXEC | SFD_NONBLOCK); }

int clinux_signalfd_next(int fd) {
  struct signalfd_siginfo info;
  return read(fd, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

void clinux_tune_malloc(void) {
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 8 << 20);
  mallopt(M_ARENA_MAX, 2);
  // What a client needs to begin with in a few steps: an arena grows page by page else, a call each.
  mallopt(M_TOP_PAD, 1 << 20);
}

int64_t clinux_file_system_type(const char *path) {
  struct statfs status;
  return statfs(path, &status) < 0 ? -1 : (int64_t)status.f_type;
}

int clinux_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

ssize_t clinux_random(void *buffer, size_t count) { return getrandom(buffer, count, 0); }

const char *clinux_error_text(int error) { return strerrordesc_np(error); }

const char *clinux_error_name(int error) { return strerrorname_np(error); }

int clinux_signal_is_ignored(int signal) {
  struct sigaction action;
  if (sigaction(signal, NULL, &action) != 0) return -1;
  return action.sa_handler == SIG_IGN;
}

const char *clinux_signal_name(int signal) { return sigabbrev_np(signal); }

int clinux_name_thread(const char *name) { return pthread_setname_np(pthread_self(), name); }

int clinux_pidfd_open(pid_t pid) { return (int)syscall(SYS_pidfd_open, pid, 0); }

int clinux_pidfd_send_signal(int pidfd, int signal) {
  return (int)syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0);
}

int clinux_waitid_pidfd(int pidfd, int nohang, int *code, int *status) {
  siginfo_t info = {0};
  // Only the kernel's P_PIDFD: glibc 2.36 knows the name, older headers do not.
  if (waitid((idtype_t)3, (id_t)pidfd, &info, WEXITED | (nohang ? WNOHANG : 0)) < 0) return -1;
  if (info.si_pid == 0) return 0;
  *code = info.si_code;
  *status = info.si_status;
  return 1;
}

pid_t clinux_reap_any(int *status) { return waitpid(-1, status, WNOHANG); }

int clinux_mount(
    const char *source, const char *target, const char *type, unsigned long flags,
    const char *data) {
  return mount(source, target, type, flags, data);
}

void clinux_start_writing(int fd) { (void)sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE); }

int clinux_unshare_network(void) { return unshare(CLONE_NEWNET); }

int clinux_set_hostname(const char *name, size_t length) { return sethostname(name, length); }

int clinux_die_with_parent(void) { return prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0); }

int clinux_set_undumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

int clinux_new_session_keyring(void) {
  long id = syscall(SYS_keyctl, 1 /* KEYCTL_JOIN_SESSION_KEYRING */, NULL, 0, 0, 0);
  return id < 0 ? -1 : 0;
}

int clinux_close_from(unsigned int first) {
  return (int)syscall(SYS_close_range, first, ~0U, 0);
}

int clinux_sealed_memfd(const char *name, const void *data, size_t size) {
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  size_t done = 0;
  while (done < size) {
    ssize_t count = write(fd, (const char *)data + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) goto failed;
    done += (size_t)count;
  }
  if (fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    goto failed;
  if (lseek(fd, 0, SEEK_SET) < 0) goto failed;
  return fd;
failed:;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

ssize_t clinux_pread_nowait(int fd, void *buffer, size_t count, off_t offset) {
  struct iovec part = {.iov_base = buffer, .iov_len = count};
  return preadv2(fd, &part, 1, offset, RWF_NOWAIT);
}

int clinux_rename(int old_dir, const char *old_name, int new_dir, const char *new_name,
                  int exclusive) {
  return renameat2(old_dir, old_name, new_dir, new_name, exclusive ? RENAME_NOREPLACE : 0);
}

int clinux_open_path(int dir, const char *path) {
  return openat(dir, path, O_PATH | O_CLOEXEC);
}
