// From clone3(2) to execve(2) and nothing else.
//
// The child shares the parent's memory (CLONE_VM | CLONE_VFORK) and runs on a stack of its own, so
// it may only make system calls on data that the parent prepared. All signals are blocked around
// the clone: a handler of the parent must never run in the child.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CLinux.h"
#include "seccomp.h"

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

// Above what any child is given (32 at most), below the smallest usual RLIMIT_NOFILE.
enum { high_descriptors = 64, stack_size = 64 * 1024 };

// syscall(2) everywhere: glibc's wrappers of setresuid(2) and its like signal every thread of the
// parent, whose memory this is, and a sanitizer's wrappers keep accounts in it.
#define call syscall

// The child runs on memory that a sanitizer believes to be the parent's alone.
#define IN_CHILD __attribute__((no_sanitize("thread", "address", "undefined"))) static

IN_CHILD void fail(int error_pipe, int step) {
  struct clinux_failure failure = {.step = step, .error = errno};
  // At most PIPE_BUF bytes into an empty pipe: written whole, or the reader is gone.
  long written = call(SYS_write, error_pipe, &failure, sizeof failure);
  (void)written;
  call(SYS_exit_group, 127);
  __builtin_unreachable();
}

// signal(7): "During an execve(2), the dispositions of handled signals are reset to the default";
// ignored ones stay ignored, so they are reset here. glibc's sigaction refuses its two internal
// signals, hence the bare call.
IN_CHILD void reset_signals(void) {
  struct {
    void *handler;
    unsigned long flags;
    void *restorer;
    uint64_t mask;
  } action = {0};
  for (int number = 1; number <= 64; number++)
    if (number != SIGKILL && number != SIGSTOP)
      call(SYS_rt_sigaction, number, &action, NULL, sizeof action.mask);
  uint64_t none = 0;
  call(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
}

// Moves every descriptor out of the way first: a plain dup2 to a low number could overwrite one
// that is still to be moved. Returns the error pipe's new number, or -1.
IN_CHILD int place_descriptors(const struct clinux_spawn *r) {
  int count = r->descriptor_count;
  int error_pipe = (int)call(SYS_fcntl, r->error_pipe, F_DUPFD_CLOEXEC, high_descriptors);
  if (error_pipe < 0) return -1;
  int high[32];
  if (count > 32) {
    errno = EMFILE;
    return -1;
  }
  for (int i = 0; i < count; i++) {
    high[i] = -1;
    if (r->descriptors[i] < 0) continue;
    high[i] = (int)call(SYS_fcntl, r->descriptors[i], F_DUPFD_CLOEXEC, high_descriptors);
    if (high[i] < 0) return -1;
  }
  int exec_fd = r->exec_fd < 0 ? -1 : (int)call(SYS_fcntl, r->exec_fd, F_DUPFD_CLOEXEC, high_descriptors);
  if (r->exec_fd >= 0 && exec_fd < 0) return -1;
  for (int i = 0; i < count; i++) {
    if (high[i] < 0) {
      call(SYS_close, i);
    } else if (call(SYS_dup3, high[i], i, 0) < 0) {
      return -1;
    } else {
      call(SYS_close, high[i]);
    }
  }
  // Two survivors above `count`: the error pipe and the program, both close-on-exec. They are
  // brought to fixed places so that one close_range can take all the rest.
  if (call(SYS_dup3, error_pipe, count, O_CLOEXEC) < 0) return -1;
  if (exec_fd >= 0 && call(SYS_dup3, exec_fd, count + 1, O_CLOEXEC) < 0) return -1;
  unsigned first = (unsigned)count + (exec_fd >= 0 ? 2 : 1);
  if (call(SYS_close_range, first, ~0U, 0) < 0) return -1;
  return count;
}

IN_CHILD int attach(const struct clinux_spawn *r) {
  for (int i = 0; i < r->attach_count; i++)
    if (call(SYS_write, r->attach[i], "0", 1) != 1) return -1;
  return 0;
}

IN_CHILD int reset_oom_score(int proc) {
  int fd = (int)call(SYS_openat, proc, "self/oom_score_adj", O_WRONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  long written = call(SYS_write, fd, "0", 1);
  int error = errno;
  call(SYS_close, fd);
  errno = error;
  return written == 1 ? 0 : -1;
}

IN_CHILD int set_rlimits(const struct clinux_spawn *r) {
  for (int i = 0; i < r->rlimit_count; i++) {
    struct rlimit limit = {.rlim_cur = r->rlimits[i].soft, .rlim_max = r->rlimits[i].hard};
    if (call(SYS_prlimit64, 0, r->rlimits[i].resource, &limit, NULL) < 0) return -1;
  }
  return 0;
}

// capabilities(7): permitted and effective follow `keep` for uid 0 and become empty for others by
// the change of uid; inheritable and ambient are always emptied.
IN_CHILD int reduce_capabilities(uint64_t keep, uid_t uid) {
  if (call(SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) return -1;
  uint64_t left = uid == 0 ? keep : 0;
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2], now[2];
  if (call(SYS_capget, &header, now) < 0) return -1;
  for (int i = 0; i < 2; i++) {
    uint32_t part = (uint32_t)(left >> (32 * i));
    data[i].effective = data[i].permitted = part & now[i].permitted;
    data[i].inheritable = 0;
  }
  return call(SYS_capset, &header, data) < 0 ? -1 : 0;
}

// Drops every capability that is not in `keep` from the bounding set, see prctl(2).
IN_CHILD int drop_bounding(uint64_t keep) {
  // The kernel's last capability is where PR_CAPBSET_READ starts to answer EINVAL.
  for (unsigned long bit = 0; bit < 64; bit++) {
    long held = call(SYS_prctl, PR_CAPBSET_READ, bit, 0, 0, 0);
    if (held < 0) break;
    if (held == 1 && !(keep >> bit & 1) && call(SYS_prctl, PR_CAPBSET_DROP, bit, 0, 0, 0) < 0)
      return -1;
  }
  return 0;
}

int clinux_drop_bounding(uint64_t keep) { return drop_bounding(keep); }

// execvp(3) without its allocation: the candidates were made by the parent.
IN_CHILD void exec_candidates(const struct clinux_spawn *r) {
  int error = ENOENT;
  for (int i = 0; i < r->candidate_count; i++) {
    call(SYS_execve, r->candidates[i], r->argv, r->envp);
    if (errno == EACCES) {
      error = EACCES;
    } else if (errno != ENOENT && errno != ENOTDIR) {
      return;
    }
  }
  errno = error;
}

// The thread sanitizer's runtime keeps a file of $TEST_TMPDIR, or else of /tmp, open for writing. In a
// new mount namespace that keeps the root from being made read-only, so it gets a folder that is none.
IN_CHILD char *const *environment(const struct clinux_spawn *r) {
#if __has_feature(thread_sanitizer)
  static char *const no_folder[] = {"TEST_TMPDIR=/dev/null", NULL};
  if (r->flags & CLONE_NEWNS) return no_folder;
#endif
  return r->envp;
}

IN_CHILD void child(const struct clinux_spawn *r) {
  int pipe = r->error_pipe;
  // First, before anything is allocated to this process: it must be accounted from the start.
  if (attach(r) < 0) fail(pipe, CLINUX_STEP_ATTACH);
  // After the attach: the namespace's root is where the process is now.
  if (r->unshare_cgroup && call(SYS_unshare, CLONE_NEWCGROUP) < 0)
    fail(pipe, CLINUX_STEP_CGROUP_NAMESPACE);
  if (r->new_session && call(SYS_setsid) < 0) fail(pipe, CLINUX_STEP_SESSION);
  // Before the descriptors are closed is as good as after; before the uid changes is needed.
  if (r->reset_oom_score && reset_oom_score(r->proc) < 0) fail(pipe, CLINUX_STEP_OOM_SCORE);
  // Before its descriptor is closed. The kernel gives every capability in it, and in it alone; those
  // that are not kept go below.
  if (r->user_namespace >= 0 && call(SYS_setns, r->user_namespace, CLONE_NEWUSER) < 0)
    fail(pipe, CLINUX_STEP_USER_NAMESPACE);
  int placed = place_descriptors(r);
  if (placed < 0) fail(pipe, CLINUX_STEP_DESCRIPTORS);
  pipe = placed;
  // After the descriptors: a low RLIMIT_NOFILE of the job's must not fail their moves.
  if (set_rlimits(r) < 0) fail(pipe, CLINUX_STEP_RLIMITS);
  // The bounding set needs CAP_SETPCAP, so it goes before the uid.
  if (!r->keep_capabilities && drop_bounding(r->capabilities) < 0)
    fail(pipe, CLINUX_STEP_CAPABILITIES);
  if (r->change_user) {
    if (call(SYS_setgroups, r->group_count, r->groups) < 0) fail(pipe, CLINUX_STEP_GROUPS);
    if (call(SYS_setresgid, r->gid, r->gid, r->gid) < 0) fail(pipe, CLINUX_STEP_GID);
    if (call(SYS_setresuid, r->uid, r->uid, r->uid) < 0) fail(pipe, CLINUX_STEP_UID);
  }
  if (!r->keep_capabilities && reduce_capabilities(r->capabilities, r->change_user ? r->uid : 0) < 0)
    fail(pipe, CLINUX_STEP_CAPABILITIES);
  if (r->no_new_privs && call(SYS_prctl, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    fail(pipe, CLINUX_STEP_NO_NEW_PRIVS);
  // As the new user: a folder he may not enter is refused.
  if (r->workdir && call(SYS_chdir, r->workdir) < 0) fail(pipe, CLINUX_STEP_WORKDIR);
  reset_signals();
  // Last: nothing of ours after it needs a call that it denies.
  if (r->deny_system_calls && clinux_deny_system_calls() < 0) fail(pipe, CLINUX_STEP_SECCOMP);
  if (r->exec_fd >= 0)
    call(SYS_execveat, placed + 1, "", r->argv, environment(r), 0x1000 /* AT_EMPTY_PATH */);
  else
    exec_candidates(r);
  fail(pipe, CLINUX_STEP_EXEC);
}

IN_CHILD int entry(void *request) {
  child(request);
  return 127;
}

// A sanitizer wraps clone(2) and takes the child for a copy of its parent.
#if __has_feature(thread_sanitizer) || __has_feature(address_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

// With no namespace and no cgroup to enter (the keeper, the target): clone(2) that shares memory,
// so that a big server's page tables are not copied; glibc's wrapper gives the child its own stack.
static pid_t clone_sharing_memory(const struct clinux_spawn *r, int *pidfd) {
  char *stack = mmap(NULL, stack_size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return -1;
  pid_t pid = clone(entry, stack + stack_size, CLONE_VM | CLONE_VFORK | CLONE_PIDFD | SIGCHLD,
                    (void *)r, pidfd);
  int error = errno;
  munmap(stack, stack_size);  // CLONE_VFORK: the child has left it
  errno = error;
  return pid;
}

// With namespaces or a cgroup (PID 1 of a job): clone3(2), the only call that takes the cgroup. Its
// memory is copied, which is cheap as the caller is the small single-threaded keeper.
static pid_t clone_into(const struct clinux_spawn *r, int *pidfd) {
  struct clone_args args = {
      .flags = r->flags | CLONE_PIDFD | CLONE_VFORK,
      .pidfd = (uint64_t)(uintptr_t)pidfd,
      .exit_signal = SIGCHLD,
  };
  if (r->cgroup >= 0) {
    args.flags |= CLONE_INTO_CGROUP;
    args.cgroup = (uint64_t)r->cgroup;
  }
  pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
  if (pid == 0) _exit(entry((void *)r));
  return pid;
}

pid_t clinux_spawn(const struct clinux_spawn *request, int *pidfd) {
  // The child starts with everything blocked; reset_signals unblocks right before execve.
  uint64_t all = ~0ULL, before = 0;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, sizeof all);
  *pidfd = -1;
  int plain = request->cgroup < 0 && request->flags == 0 && !SANITIZED;
  pid_t pid = plain ? clone_sharing_memory(request, pidfd) : clone_into(request, pidfd);
  int error = errno;
  syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, sizeof before);
  errno = error;
  return pid;
}
