// The system calls a job may not make: a deny list as a classic BPF program, see seccomp(2).
//
// Deny, as the well-known container default does in effect: new kernels add harmless calls more often
// than harmful ones, and an honest program must find what it needs. What is denied answers EPERM; what
// programs try first and have a way around (clone3, io_uring) answers ENOSYS, so that they take it. The
// list itself, with the reasons, is seccomp_calls.h.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CLinux.h"
#include "seccomp.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call table for this architecture"
#endif

// Calls that are newer than some headers: their numbers are the same on every architecture.
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif
#ifndef SYS_open_tree_attr
#define SYS_open_tree_attr 467
#endif

#define LOAD(field) \
  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
#define ANSWER(code) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET: in a user namespace of its own a
// job is root, and may mount the cgroup tree and lift its own limits.
enum { namespace_flags = 0x7e020000 };

static struct sock_filter program[] = {
    // Another entry point (32-bit, x32) has other numbers: all that follows would mean nothing.
    LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, OWN_ARCH, 1, 0), ANSWER(ENOSYS),
    LOAD(nr),
#if defined(__x86_64__)
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), ANSWER(ENOSYS),
#endif
#define DENIED(call, error, reason) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(error),
#include "seccomp_calls.h"
#undef DENIED
    // personality(2) to ask, and the two that 32-bit build tools set: others undo what protects
    // programs (READ_IMPLIES_EXEC, ADDR_NO_RANDOMIZE).
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_personality, 0, 7),
    LOAD(args[0]),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0xffffffff, 4, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0 /* PER_LINUX */, 3, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x8 /* PER_LINUX32 */, 2, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x20000 /* UNAME26 */, 1, 0),
    ANSWER(EPERM), ALLOW,
    // vsock(7) knows no network namespaces: it leads to the hypervisor and its other guests.
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 4),
    LOAD(args[0]),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 40 /* AF_VSOCK */, 0, 1), ANSWER(EAFNOSUPPORT), ALLOW,
    // clone and unshare may do all but make namespaces.
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 3),
    LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, namespace_flags, 0, 1), ANSWER(EPERM),
    ALLOW,
};

#define DENIED(call, error, reason) {#call, SYS_##call, error, reason},
static const struct clinux_denied_call denied_calls[] = {
#include "seccomp_calls.h"
};
#undef DENIED

const struct clinux_denied_call *clinux_denied_calls(int *count) {
  *count = sizeof denied_calls / sizeof denied_calls[0];
  return denied_calls;
}

__attribute__((no_sanitize("thread", "address", "undefined"))) int clinux_deny_system_calls(void) {
  struct sock_fprog filter = {
      .len = sizeof program / sizeof program[0],
      .filter = program,
  };
  // no_new_privs is set: the filter needs no capability.
  return (int)syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}
