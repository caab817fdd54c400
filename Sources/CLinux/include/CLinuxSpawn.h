// From clone3 to execve: only C, only async-signal-safe calls, no allocation.
#pragma once
#include <stdint.h>
#include <sys/types.h>

/// What the child failed at, in the order in which it is done.
enum clinux_step {
  CLINUX_STEP_CLONE = 0,
  CLINUX_STEP_ATTACH = 1,
  CLINUX_STEP_CGROUP_NAMESPACE = 2,
  CLINUX_STEP_DESCRIPTORS = 3,
  CLINUX_STEP_SESSION = 4,
  CLINUX_STEP_OOM_SCORE = 5,
  CLINUX_STEP_RLIMITS = 6,
  CLINUX_STEP_GROUPS = 7,
  CLINUX_STEP_GID = 8,
  CLINUX_STEP_UID = 9,
  CLINUX_STEP_CAPABILITIES = 10,
  CLINUX_STEP_NO_NEW_PRIVS = 11,
  CLINUX_STEP_WORKDIR = 12,
  CLINUX_STEP_EXEC = 13,
  CLINUX_STEP_SECCOMP = 14,
  CLINUX_STEP_USER_NAMESPACE = 15,
};

/// What the child writes to the error pipe: always this much, in one write.
struct clinux_failure {
  int32_t step;
  int32_t error;
};

struct clinux_rlimit {
  int32_t resource;
  uint64_t soft;
  uint64_t hard;
};

/// Everything a child needs, made before the clone; nothing is allocated after it.
struct clinux_spawn {
  /// CLONE_NEW* flags of clone(2).
  uint64_t flags;
  /// A cgroup2 folder for CLONE_INTO_CGROUP, or -1.
  int cgroup;
  /// v1 `tasks` files, open for writing: the child writes "0" to each first of all.
  const int *attach;
  int attach_count;
  /// unshare(CLONE_NEWCGROUP) after the attach (v1: the other order lets a root job leave).
  int unshare_cgroup;
  /// descriptors[i] becomes i in the child; -1 leaves i closed. All others are closed.
  const int *descriptors;
  int descriptor_count;
  /// setsid(2): own session and process group, no controlling terminal.
  int new_session;
  /// Writes "0" to self/oom_score_adj in the folder open at `proc`, which must be a proc(5).
  int reset_oom_score;
  int proc;
  /// A user namespace to enter, see setns(2), or -1; all ids below are meant in it.
  int user_namespace;
  const struct clinux_rlimit *rlimits;
  int rlimit_count;
  /// setgroups, setresgid, setresuid with these, unless `change_user` is 0.
  int change_user;
  uid_t uid;
  gid_t gid;
  const gid_t *groups;
  int group_count;
  /// Capabilities kept in the bounding set and, for uid 0, in all others; applied when not `keep_capabilities`.
  int keep_capabilities;
  uint64_t capabilities;
  int no_new_privs;
  /// The deny list of seccomp.c; needs no_new_privs.
  int deny_system_calls;
  /// chdir(2) as the new user, or NULL.
  const char *workdir;
  /// Either `exec_fd` (execveat with AT_EMPTY_PATH) or each of `candidates` in turn as execvp(3)
  /// does: ENOENT and ENOTDIR go on, EACCES is remembered.
  int exec_fd;
  const char *const *candidates;
  int candidate_count;
  char *const *argv;
  char *const *envp;
  /// Gets a clinux_failure, or end of file when execve has succeeded. Close-on-exec.
  int error_pipe;
};

/// Starts a child: its pid, and a pidfd (close-on-exec) in `pidfd`; -1 and errno if the clone failed.
/// C because a clone of a threaded process may run neither Swift nor malloc before execve.
/// The caller's thread is suspended until execve or the child's end (CLONE_VM | CLONE_VFORK).
pid_t clinux_spawn(const struct clinux_spawn *request, int *pidfd);
