// floor COUNT INIT PROGRAM: the least it takes to start a program under the isolation and limits of
// a job, in C and with nothing kept: cgroups and their limits, clone3 with six namespaces, private
// mounts, /proc, loopback, host name, exec of INIT, exec of PROGRAM. Prints the microseconds of
// each start up to the program's exec. Waits PAUSE_MS before each.
//
// On cgroup v2 the clone goes into the group; on v1 the child writes itself to the `tasks` files, as
// `cgroup.procs` takes milliseconds there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ULL
#endif

struct limit {
  const char *controller, *file;
  char value[64];
};
struct group {
  char path[512];
  int fd;
};

static int unified;
static char disk[32];

static void die(const char *what) {
  perror(what);
  exit(1);
}

static long long microseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void put(const char *folder, const char *file, const char *value, int optional) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, file);
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if ((fd < 0 || write(fd, value, strlen(value)) < 0) && !optional) die(path);
  if (fd >= 0) close(fd);
}

// The group this process is in for a v1 controller: limits nest below it.
static void own_group(const char *controller, char *path, size_t size) {
  char line[512], own[256] = "";
  FILE *file = fopen("/proc/self/cgroup", "re");
  while (file && fgets(line, sizeof line, file)) {
    char *names = strchr(line, ':'), *at = names ? strchr(names + 1, ':') : NULL;
    if (!at) continue;
    *at = 0;
    at[1 + strcspn(at + 1, "\n")] = 0;
    char list[256], wanted[64];
    snprintf(list, sizeof list, ",%s,", names + 1);
    snprintf(wanted, sizeof wanted, ",%s,", controller);
    if (strstr(list, wanted) && strcmp(at + 1, "/") != 0) snprintf(own, sizeof own, "%s", at + 1);
  }
  if (file) fclose(file);
  snprintf(path, size, "/sys/fs/cgroup/%s%s", controller, own);
}

static int make_groups(struct group *groups, int number) {
  struct limit v2[] = {{"", "cpu.max", "100000 100000"}, {"", "memory.max", "268435456"},
                       {"", "pids.max", "100"}, {"", "io.max", ""}};
  struct limit v1[] = {{"cpu", "cpu.cfs_quota_us", "100000"},
                       {"memory", "memory.limit_in_bytes", "268435456"},
                       {"pids", "pids.max", "100"},
                       {"blkio", "blkio.throttle.write_bps_device", ""}};
  if (disk[0]) {
    snprintf(v2[3].value, sizeof v2[3].value, "%s wbps=104857600", disk);
    snprintf(v1[3].value, sizeof v1[3].value, "%s 104857600", disk);
  }
  int count = unified ? 1 : 4;
  for (int i = 0; i < count; i++) {
    struct group *group = &groups[i];
    char base[384] = "/sys/fs/cgroup";
    if (!unified) own_group(v1[i].controller, base, sizeof base);
    snprintf(group->path, sizeof group->path, "%s/floor-%d-%d", base, getpid(), number);
    if (mkdir(group->path, 0755) < 0) die(group->path);
    for (int j = 0; j < 4; j++) {
      if (!unified && j != i) continue;
      struct limit *limit = unified ? &v2[j] : &v1[j];
      if (limit->value[0]) put(group->path, limit->file, limit->value, j == 3);
    }
    char tasks[4096];
    snprintf(tasks, sizeof tasks, "%s/tasks", group->path);
    group->fd = unified ? open(group->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC)
                        : open(tasks, O_WRONLY | O_CLOEXEC);
    if (group->fd < 0) die(group->path);
  }
  return count;
}

static void child(const struct group *groups, int count, int error_pipe, char **argv) {
  for (int i = 0; !unified && i < count; i++)
    if (write(groups[i].fd, "0", 1) != 1) _exit(101);
  if (!unified && unshare(CLONE_NEWCGROUP) < 0) _exit(102);
  if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0) _exit(103);
  if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0) _exit(104);
  struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
  memcpy(request.ifr_name, "lo", 3);
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0) _exit(105);
  if (sethostname("floor", 5) < 0) _exit(106);
  fcntl(error_pipe, F_SETFD, 0);
  execv(argv[0], argv);
  _exit(107);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  const char *pause = getenv("PAUSE_MS");
  unified = access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0;
  struct stat root;
  if (stat("/", &root) == 0 && major(root.st_dev) != 0)
    snprintf(disk, sizeof disk, "%u:%u", major(root.st_dev), minor(root.st_dev));
  for (int number = 0; number < atoi(argv[1]); number++) {
    struct group groups[4];
    int ends[2], status;
    if (pause) usleep((useconds_t)atoi(pause) * 1000);
    long long start = microseconds();
    int count = make_groups(groups, number);
    if (pipe2(ends, O_CLOEXEC) < 0) die("pipe2");
    char text[16];
    snprintf(text, sizeof text, "%d", ends[1]);
    char *command[] = {argv[2], text, argv[3], NULL};
    struct clone_args args = {
        .flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_VFORK,
        .exit_signal = SIGCHLD,
    };
    if (unified) {
      args.flags |= CLONE_NEWCGROUP | CLONE_INTO_CGROUP;
      args.cgroup = (uint64_t)groups[0].fd;
    }
    pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid < 0) die("clone3");
    if (pid == 0) child(groups, count, ends[1], command);
    close(ends[1]);
    char byte;
    while (read(ends[0], &byte, 1) < 0 && errno == EINTR) continue;
    long long end = microseconds();
    close(ends[0]);
    waitpid(pid, &status, 0);
    for (int i = 0; i < count; i++) {
      close(groups[i].fd);
      rmdir(groups[i].path);
    }
    if (status != 0) {
      fprintf(stderr, "floor: the child failed: wait status %#x\n", status);
      return 1;
    }
    printf("%lld\n", end - start);
  }
  return 0;
}
