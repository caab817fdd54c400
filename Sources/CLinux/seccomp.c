// The system calls a job may not make: a deny list as a classic BPF program, see seccomp(2).
//
// Deny, as the well-known container default does in effect: new kernels add harmless calls more often
// than harmful ones, and an honest program must find what it needs. What is denied answers EPERM; what
// programs try first and have a way around (clone3, io_uring) answers ENOSYS, so that they take it.
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp.h"

#if defined(__x86_64__)
#define OWN_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define OWN_ARCH AUDIT_ARCH_AARCH64
#else
#error "no system call table for this architecture"
#endif

#define LOAD(field) \
  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, field))
#define ANSWER(code) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (code))
#define DENY(call, code) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), ANSWER(code)

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
    // Namespaces. The flags of clone3 lie in memory, where a filter cannot look; libc falls back.
    DENY(clone3, ENOSYS), DENY(setns, EPERM),
    // Mounts, old and new interface.
    DENY(mount, EPERM), DENY(umount2, EPERM), DENY(pivot_root, EPERM), DENY(move_mount, EPERM),
    DENY(open_tree, EPERM), DENY(fsopen, EPERM), DENY(fsconfig, EPERM), DENY(fsmount, EPERM),
    DENY(fspick, EPERM), DENY(mount_setattr, EPERM),
    // Keyrings know no namespaces but the user's.
    DENY(add_key, EPERM), DENY(request_key, EPERM), DENY(keyctl, EPERM),
    // Code for the kernel, and large ways into it.
    DENY(init_module, EPERM), DENY(finit_module, EPERM), DENY(delete_module, EPERM),
    DENY(kexec_load, EPERM), DENY(kexec_file_load, EPERM), DENY(bpf, EPERM),
    DENY(perf_event_open, EPERM), DENY(userfaultfd, EPERM), DENY(io_uring_setup, ENOSYS),
    DENY(io_uring_enter, ENOSYS), DENY(io_uring_register, ENOSYS),
    // The host as a whole: its clock, swap, accounting, log, power.
    DENY(settimeofday, EPERM), DENY(clock_settime, EPERM), DENY(swapon, EPERM),
    DENY(swapoff, EPERM), DENY(acct, EPERM), DENY(quotactl, EPERM), DENY(syslog, EPERM),
    DENY(reboot, EPERM), DENY(vhangup, EPERM),
#if defined(__x86_64__)
    DENY(iopl, EPERM), DENY(ioperm, EPERM),
#endif
    // Files by handle, past every mount that hides them.
    DENY(open_by_handle_at, EPERM), DENY(name_to_handle_at, EPERM),
    // clone and unshare may do all but make namespaces.
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 1, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 0, 3),
    LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, namespace_flags, 0, 1), ANSWER(EPERM),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
};

__attribute__((no_sanitize("thread", "address", "undefined"))) int clinux_deny_system_calls(void) {
  struct sock_fprog filter = {
      .len = sizeof program / sizeof program[0],
      .filter = program,
  };
  // no_new_privs is set: the filter needs no capability.
  return (int)syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter, 0, 0);
}
