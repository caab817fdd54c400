// The system calls that a job may not make whatever their arguments, one a line with what it is told
// and why. Included where DENIED(call, error, reason) is defined; without a guard, as that is twice.
//
// ENOSYS for what libraries try first and have a way around, EPERM for the rest.

// Namespaces. In a user namespace of its own a job is root, and may mount the cgroup tree and lift its
// limits. clone and unshare are looked at closer below.
DENIED(clone3, ENOSYS, "its flags lie in memory, where a filter cannot look; libc falls back to clone")
DENIED(setns, EPERM, "enters namespaces of others")

// Mounts, by the old interface and the new.
DENIED(mount, EPERM, "shows what is hidden, writes what is read-only")
DENIED(umount2, EPERM, "takes off what hides")
DENIED(pivot_root, EPERM, "changes the root")
DENIED(move_mount, EPERM, "as mount")
DENIED(open_tree, EPERM, "as mount")
DENIED(fsopen, EPERM, "as mount")
DENIED(fsconfig, EPERM, "as mount")
DENIED(fsmount, EPERM, "as mount")
DENIED(fspick, EPERM, "as mount")
DENIED(mount_setattr, EPERM, "as mount")
DENIED(open_tree_attr, EPERM, "as mount")

// Keyrings know no namespaces but the user's.
DENIED(add_key, EPERM, "keys outlive the job")
DENIED(request_key, EPERM, "finds keys of others, starts programs of the host")
DENIED(keyctl, EPERM, "reads and changes keys of others")

// Code for the kernel, and large ways into it.
DENIED(init_module, EPERM, "code for the kernel")
DENIED(finit_module, EPERM, "code for the kernel")
DENIED(delete_module, EPERM, "takes code from the kernel")
DENIED(kexec_load, EPERM, "another kernel")
DENIED(kexec_file_load, EPERM, "another kernel")
DENIED(bpf, EPERM, "programs in the kernel")
DENIED(perf_event_open, EPERM, "sees the whole machine; many holes")
DENIED(userfaultfd, EPERM, "holds the kernel in the middle of a copy: makes races of its holes easy")
DENIED(io_uring_setup, ENOSYS, "calls that no filter sees; many holes")
DENIED(io_uring_enter, ENOSYS, "as io_uring_setup")
DENIED(io_uring_register, ENOSYS, "as io_uring_setup")
DENIED(kcmp, EPERM, "tells where things lie in the kernel")
DENIED(lookup_dcookie, EPERM, "tells of files past every mount")
DENIED(fanotify_init, EPERM, "watches whole file systems")

// The host as a whole: clock, swap, accounting, log, quota, power, terminals, ports.
DENIED(settimeofday, EPERM, "the host's clock")
DENIED(clock_settime, EPERM, "the host's clock")
DENIED(clock_adjtime, EPERM, "the host's clock")
DENIED(swapon, EPERM, "the host's swap")
DENIED(swapoff, EPERM, "the host's swap")
DENIED(acct, EPERM, "the host's process accounting")
DENIED(quotactl, EPERM, "the host's quotas")
DENIED(quotactl_fd, EPERM, "the host's quotas")
DENIED(syslog, EPERM, "the kernel's log")
DENIED(reboot, EPERM, "the host's power")
DENIED(vhangup, EPERM, "the host's terminals")
#ifdef __x86_64__
DENIED(iopl, EPERM, "raw ports")
DENIED(ioperm, EPERM, "raw ports")
DENIED(uselib, EPERM, "obsolete, and had holes")
DENIED(ustat, EPERM, "obsolete; tells of file systems by device")
DENIED(sysfs, EPERM, "obsolete")
#endif

// Files by handle, past every mount that hides them.
DENIED(open_by_handle_at, EPERM, "opens any file of a file system")
DENIED(name_to_handle_at, EPERM, "tells what open_by_handle_at needs")
