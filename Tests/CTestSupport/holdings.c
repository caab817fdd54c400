// What the process of a test target still holds at its end and should not, a line each, appended to the file
// that WORKER_HOLDINGS names, for .make/suites: descriptors, threads and children of its tests. Threads that
// have been told to end take a moment, so it looks again for a while before it says so.
#define _GNU_SOURCE
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "CTestSupport.h"

enum { most = 4096, looks = 200 };

static const char *file;

// What was open before any test: the runner's own.
static char *inherited[most];
// Threads that serve all tests, and live as long as the process; the rest of the name is a number.
static const char *const pools[] = {
    "engine-", "readers-", "searchers-", "sweeper-", "log-", "files-", "digest-", "audit-",
    "shell-", "test-forget-", "test-blocking-", NULL};
// Those of them that are event loops.
static const char *const loops[] = {"worker-loop-", "test-", "fuzz-", NULL};
// Of libdispatch, by the end of their names.
static const char *const foreign[] = {"default-qos", "overcommit", "utility-qos", NULL};

struct look {
  FILE *out;  // nil: only count
  int found;
  int loops;
  int anonymous[3];  // epoll, eventfd, timerfd: an event loop has one of each
  int pairs, datagrams;
};

static void tell(struct look *look, const char *what, const char *which) {
  look->found++;
  if (look->out) fprintf(look->out, "%s %s\n", what, which);
}

static void each(const char *path, struct look *look, void (*see)(struct look *, const char *, int)) {
  DIR *folder = opendir(path);
  if (!folder) return;
  for (struct dirent *entry; (entry = readdir(folder));)
    if (entry->d_name[0] != '.') see(look, entry->d_name, dirfd(folder));
  closedir(folder);
}

static int target_of(const char *number, char *target, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%s", number);
  ssize_t count = readlink(link, target, size - 1);
  if (count < 0) return -1;
  target[count] = 0;
  return 0;
}

static void see_descriptor(struct look *look, const char *name, int own) {
  int number = atoi(name);
  char target[256];
  if (number == own || (look->out && number == fileno(look->out))) return;
  if (target_of(name, target, sizeof target) < 0) return;
  if (number < most && inherited[number] && !strcmp(inherited[number], target)) return;
  const char *const kinds[] = {"anon_inode:[eventpoll]", "anon_inode:[eventfd]", "anon_inode:[timerfd]"};
  for (int kind = 0; kind < 3; kind++)
    if (!strcmp(target, kinds[kind])) {
      // One more is libdispatch's.
      if (++look->anonymous[kind] > look->loops + 1) tell(look, "descriptor", target);
      return;
    }
  // Foundation's Process keeps a pair of the program that ran last, and its run loop's a pair for itself.
  int domain = 0, type = 0;
  getsockopt(number, SOL_SOCKET, SO_DOMAIN, &domain, &(socklen_t){sizeof domain});
  getsockopt(number, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){sizeof type});
  if (domain == AF_UNIX && ++look->pairs <= 2) return;
  if (domain == AF_INET && type == SOCK_DGRAM && ++look->datagrams <= 2) return;
  tell(look, "descriptor", target);
}

static int is_of_one(const char *text, const char *const *prefixes) {
  for (; *prefixes; prefixes++) {
    size_t count = strlen(*prefixes);
    if (!strncmp(text, *prefixes, count) && text[count] && !text[count + strspn(text + count, "0123456789")])
      return 1;
  }
  return 0;
}

static int ends_with_one_of(const char *text, const char *const *suffixes) {
  for (; *suffixes; suffixes++) {
    size_t all = strlen(text), end = strlen(*suffixes);
    if (all >= end && !strcmp(text + all - end, *suffixes)) return 1;
  }
  return 0;
}

static void read_line(const char *path, char *line, int size) {
  line[0] = 0;
  FILE *file = fopen(path, "re");
  if (!file) return;
  if (!fgets(line, size, file)) line[0] = 0;
  fclose(file);
  line[strcspn(line, "\n")] = 0;
}

// A test that opens a second worker in its process leaves the first one's keepers unreaped: dead is gone.
static void see_children(struct look *look, char *pids) {
  char path[96], line[512], *rest = NULL;
  for (char *pid = strtok_r(pids, " ", &rest); pid; pid = strtok_r(NULL, " ", &rest)) {
    snprintf(path, sizeof path, "/proc/%s/stat", pid);
    read_line(path, line, sizeof line);
    const char *bracket = strrchr(line, ')');
    if (bracket && strncmp(bracket, ") Z", 3)) tell(look, "child", line);
  }
}

static void see_thread(struct look *look, const char *name, int own) {
  (void)own;
  char path[96], line[512];
  snprintf(path, sizeof path, "/proc/self/task/%s/comm", name);
  read_line(path, line, sizeof line);
  if (is_of_one(line, loops)) look->loops++;
  else if (!is_of_one(line, pools) && atoi(name) != getpid() && line[0] && !ends_with_one_of(line, foreign)) tell(look, "thread", line);
  snprintf(path, sizeof path, "/proc/self/task/%s/children", name);
  char *pids = NULL;
  size_t size = 0;
  FILE *children = fopen(path, "re");
  if (children && getline(&pids, &size, children) > 0) see_children(look, pids);
  if (children) fclose(children);
  free(pids);
}

static int look_for(FILE *out) {
  struct look look = {.out = out};
  each("/proc/self/task", &look, see_thread);  // first, as it counts the loops
  each("/proc/self/fd", &look, see_descriptor);
  return look.found;
}

static void report(void) {
  for (int look = 0; look < looks && look_for(NULL) > 0; look++)
    nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
  FILE *out = fopen(file, "ae");
  if (!out) return;
  look_for(out);
  fclose(out);
}

static void remember(struct look *look, const char *name, int own) {
  (void)look;
  char target[256];
  int number = atoi(name);
  if (number == own || number >= most || target_of(name, target, sizeof target) < 0) return;
  inherited[number] = strdup(target);
}

__attribute__((constructor)) static void begin(void) {
  const char *wanted = getenv("WORKER_HOLDINGS");
  if (!wanted) return;
  file = strdup(wanted);  // a test may change the environment
  each("/proc/self/fd", NULL, remember);
  atexit(report);
}
