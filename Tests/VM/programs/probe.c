// probe [VERB...]: tries what a hostile job would, and prints for each verb what came of it: `allowed`,
// `empty` (something harmless stands in its place) or the error. Nothing it does harms a host on which
// it is allowed. PROBE_SECRET names a file of the server's, PROBE_SOCKET a socket in the file system,
// PROBE_ABSTRACT an abstract socket and PROBE_PORT a port of the host's. The table of docs/isolation.md says what is expected.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { EMPTY = 4000 };

static int done(long result) { return result < 0 ? errno : 0; }

static int try_open(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0600);
  if (fd < 0) return errno;
  struct stat status;
  int masked = fstat(fd, &status) == 0 && S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
  return masked ? EMPTY : 0;
}
static int try_write(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  return done(write(fd, text, strlen(text)));
}
static const char *setting(const char *name) {
  const char *value = getenv(name);
  return value ? value : "/nonexistent";
}

// Files of the host and of the server.
static int read_server_key(void) { return try_open(setting("PROBE_SECRET"), O_RDONLY); }
static int read_shadow(void) { return try_open("/etc/shadow", O_RDONLY); }
static int write_etc(void) { return try_open("/etc/probe-was-here", O_WRONLY | O_CREAT); }
static int write_root(void) { return try_open("/probe-was-here", O_WRONLY | O_CREAT); }
static int write_run(void) { return try_open("/run/probe-was-here", O_WRONLY | O_CREAT); }
static int write_proc_exe(void) { return try_open("/proc/1/exe", O_WRONLY); }
static int read_proc_environ(void) { return try_open("/proc/1/environ", O_RDONLY); }
static int read_proc_fd(void) { return try_open("/proc/1/fd/0", O_RDONLY); }
static int read_proc_root(void) { return try_open("/proc/1/root", O_RDONLY); }
static int chroot_escape(void) {
  int here = open("/", O_RDONLY | O_DIRECTORY);
  mkdir("/tmp/jail", 0755);
  if (chroot("/tmp/jail") < 0) return errno;
  if (fchdir(here) < 0) return errno;
  for (int i = 0; i < 64; i++)
    if (chdir("..") < 0) return errno;
  if (chroot(".") < 0) return errno;
  return read_server_key();
}
static int open_by_handle(void) {
  struct {
    struct file_handle head;
    unsigned char bytes[128];
  } handle = {.head.handle_bytes = 128};
  int mount;
  if (name_to_handle_at(AT_FDCWD, "/", &handle.head, &mount, 0) < 0) return errno;
  int root = open("/", O_RDONLY | O_DIRECTORY);
  return done(open_by_handle_at(root, &handle.head, O_RDONLY));
}

// The kernel's files.
static int cgroup_write(void) {
  const char *files[] = {"/sys/fs/cgroup/cgroup.procs", "/sys/fs/cgroup/memory/memory.limit_in_bytes",
                         "/sys/fs/cgroup/unified/cgroup.procs", "/sys/fs/cgroup/pids/pids.max"};
  int error = ENOENT;
  for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
    if (error == ENOENT) error = try_open(files[i], O_WRONLY);
  return error;
}
static int core_pattern(void) { return try_open("/proc/sys/kernel/core_pattern", O_WRONLY); }
static int sysrq(void) {
  int error = try_open("/proc/sysrq-trigger", O_WRONLY);
  return error == ENOENT ? EMPTY : error;  // this kernel has none
}
static int kcore(void) {
  int error = try_open("/proc/kcore", O_RDONLY);
  return error == ENOENT ? EMPTY : error;
}
static int proc_keys(void) {
  int error = try_open("/proc/keys", O_RDONLY);
  return error == ENOENT ? EMPTY : error;
}
static int sys_write(void) { return try_open("/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY); }
// Modes of what the host shares, set to what they are.
static int stdin_mode(void) {
  struct stat status;
  return fstat(0, &status) < 0 ? errno : done(fchmod(0, status.st_mode & 07777));
}
static int proc_mode(void) {
  struct stat status;
  return stat("/proc/execdomains", &status) < 0 ? errno : done(chmod("/proc/execdomains", status.st_mode & 07777));
}
static int debugfs(void) { return try_open("/sys/kernel/debug/tracing", O_RDONLY); }

// Mounts, namespaces, devices.
static int try_mount(void) { return done(mount("none", "/tmp", "tmpfs", 0, NULL)); }
static int remount(void) { return done(mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND, NULL)); }
static int try_umount(void) { return done(umount2("/proc", MNT_DETACH)); }
static int new_mount(void) { return done(syscall(SYS_fsopen, "tmpfs", 0)); }
static int unshare_mount(void) { return done(unshare(CLONE_NEWNS)); }
static int unshare_user(void) { return done(unshare(CLONE_NEWUSER)); }
static int clone3_user(void) {
  struct {
    unsigned long long flags, rest[10];
  } arguments = {.flags = CLONE_NEWUSER};
  long pid = syscall(SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0) _exit(0);
  return done(pid);
}
static int try_setns(void) {
  int fd = open("/proc/self/ns/uts", O_RDONLY);
  return fd < 0 ? errno : done(setns(fd, 0));
}
static int mknod_disk(void) { return done(mknod("/tmp/disk", S_IFBLK | 0600, makedev(254, 0))); }
static int mknod_mem(void) { return done(mknod("/tmp/mem", S_IFCHR | 0600, makedev(1, 1))); }
static int host_device(void) { return try_open("/dev/kmsg", O_RDONLY); }
static int set_hostname(void) { return done(sethostname("probe", 5)); }

// The kernel's large doors.
static int try_bpf(void) { return done(syscall(SYS_bpf, 0, NULL, 0)); }
static int try_perf(void) { return done(syscall(SYS_perf_event_open, NULL, 0, -1, -1, 0)); }
static int try_userfaultfd(void) { return done(syscall(SYS_userfaultfd, 0)); }
static int try_io_uring(void) { return done(syscall(SYS_io_uring_setup, 1, NULL)); }
static int try_keyctl(void) { return done(syscall(SYS_keyctl, 0, -3, 0)); }
static int try_add_key(void) { return done(syscall(SYS_add_key, "user", "probe", "x", 1, -2)); }
static int init_module(void) { return done(syscall(SYS_init_module, "", 0, "")); }
static int kexec(void) { return done(syscall(SYS_kexec_load, 0, 0, NULL, 0)); }
static int try_swapon(void) { return done(syscall(SYS_swapon, "/tmp/none", 0)); }
static int try_reboot(void) { return done(syscall(SYS_reboot, 1, 2, 3, NULL)); }
static int clock_set(void) {
  struct timespec time = {.tv_nsec = -1};
  return done(syscall(SYS_clock_settime, CLOCK_REALTIME, &time));
}
static int try_syslog(void) {
  char text[64];
  return done(syscall(SYS_syslog, 3, text, sizeof text));
}
static int try_personality(void) { return done(syscall(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */)); }
static int try_quotactl(void) { return done(syscall(SYS_quotactl, 0, NULL, 0, NULL)); }
static int try_acct(void) { return done(syscall(SYS_acct, NULL)); }
#ifdef __x86_64__
static int try_iopl(void) { return done(syscall(SYS_iopl, 3)); }
static int x32_call(void) { return done(syscall(0x40000000 | SYS_getpid)); }
static int i386_call(void) {
  long result;
  __asm__ volatile("int $0x80" : "=a"(result) : "a"(20 /* getpid */) : "memory", "r8", "r9", "r10", "r11");
  return result < 0 ? (int)-result : 0;
}
#endif

// Other processes, more than it was given.
static int ptrace_init(void) { return done(ptrace(PTRACE_SEIZE, 1, NULL, NULL)); }
static int kill_init(void) { return done(kill(1, SIGHUP)); }
static int set_root(void) { return done(setresuid(0, 0, 0)); }
static int gain_capability(void) {
  struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
  struct __user_cap_data_struct data[2] = {{.effective = 1 << CAP_SYS_ADMIN, .permitted = 1 << CAP_SYS_ADMIN}};
  return done(syscall(SYS_capset, &header, data));
}
static int raise_rlimit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_max += 1;
  return done(setrlimit(RLIMIT_NOFILE, &limit));
}
static int oom_score(void) { return try_write("/proc/self/oom_score_adj", "-1"); }
static int raise_priority(void) { return done(setpriority(PRIO_PROCESS, 0, -10)); }
static int realtime(void) {
  struct sched_param parameter = {.sched_priority = 1};
  return done(sched_setscheduler(0, SCHED_FIFO, &parameter));
}

// Others' sockets.
static int connect_abstract(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  const char *name = setting("PROBE_ABSTRACT");
  strncpy(address.sun_path + 1, name, sizeof address.sun_path - 2);
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  return done(connect(fd, (void *)&address, offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name)));
}
static int connect_named(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, setting("PROBE_SOCKET"), sizeof address.sun_path - 1);
  return done(connect(socket(AF_UNIX, SOCK_STREAM, 0), (void *)&address, sizeof address));
}
static int connect_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(atoi(setting("PROBE_PORT"))),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  return done(connect(socket(AF_INET, SOCK_STREAM, 0), (void *)&address, sizeof address));
}
static int connect_out(void) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(53), .sin_addr.s_addr = htonl(0x08080808)};
  return done(connect(socket(AF_INET, SOCK_DGRAM, 0), (void *)&address, sizeof address));
}
static int packet_socket(void) { return done(socket(AF_PACKET, SOCK_RAW, 0)); }

static const struct {
  const char *name;
  int (*function)(void);
} verbs[] = {
    {"read-server-key", read_server_key}, {"read-shadow", read_shadow}, {"write-etc", write_etc},
    {"write-root", write_root}, {"write-run", write_run}, {"write-proc-exe", write_proc_exe},
    {"read-proc-environ", read_proc_environ}, {"read-proc-fd", read_proc_fd},
    {"read-proc-root", read_proc_root}, {"chroot-escape", chroot_escape},
    {"open-by-handle", open_by_handle}, {"cgroup-write", cgroup_write}, {"core-pattern", core_pattern},
    {"sysrq", sysrq}, {"kcore", kcore}, {"proc-keys", proc_keys}, {"sys-write", sys_write},
    {"stdin-mode", stdin_mode}, {"proc-mode", proc_mode}, {"debugfs", debugfs}, {"mount", try_mount}, {"remount-writable", remount}, {"umount", try_umount},
    {"fsopen", new_mount}, {"unshare-mount", unshare_mount}, {"unshare-user", unshare_user},
    {"clone3-user", clone3_user}, {"setns", try_setns}, {"mknod-disk", mknod_disk},
    {"mknod-mem", mknod_mem}, {"host-device", host_device}, {"sethostname", set_hostname},
    {"bpf", try_bpf}, {"perf", try_perf}, {"userfaultfd", try_userfaultfd}, {"io-uring", try_io_uring},
    {"keyctl", try_keyctl}, {"add-key", try_add_key}, {"init-module", init_module}, {"kexec", kexec},
    {"swapon", try_swapon}, {"reboot", try_reboot}, {"clock-settime", clock_set}, {"syslog", try_syslog},
    {"personality", try_personality}, {"quotactl", try_quotactl}, {"acct", try_acct},
#ifdef __x86_64__
    {"iopl", try_iopl}, {"x32-call", x32_call}, {"i386-call", i386_call},
#endif
    {"ptrace-init", ptrace_init}, {"kill-init", kill_init}, {"become-root", set_root},
    {"gain-capability", gain_capability}, {"raise-rlimit", raise_rlimit}, {"oom-score", oom_score},
    {"raise-priority", raise_priority}, {"realtime", realtime}, {"connect-named", connect_named}, {"connect-abstract", connect_abstract},
    {"connect-port", connect_port}, {"connect-out", connect_out}, {"packet-socket", packet_socket},
};

// Each in a process of its own: some change it, and a filter might kill it.
static void run(unsigned index) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    int result = verbs[index].function();
    printf("%s %s\n", verbs[index].name,
           result == 0 ? "allowed" : result == EMPTY ? "empty" : strerrorname_np(result));
    fflush(stdout);
    _exit(0);
  }
  int status;
  waitpid(pid, &status, 0);
  if (status != 0) printf("%s killed\n", verbs[index].name);
}

int main(int argc, char **argv) {
  for (unsigned i = 0; i < sizeof verbs / sizeof *verbs; i++) {
    int wanted = argc < 2;
    for (int j = 1; j < argc; j++) wanted |= strcmp(argv[j], verbs[i].name) == 0;
    if (wanted) run(i);
  }
  return 0;
}
