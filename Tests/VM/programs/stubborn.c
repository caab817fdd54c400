// stubborn NAME: a tree that does all it can to survive. Every member ignores the polite signals;
// two of them leave the session and the process group by setsid and a double fork. All carry NAME
// as their process name, so that a test can look for what is left.
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <unistd.h>

static void stay(const char *name) {
  prctl(PR_SET_NAME, name, 0, 0, 0);
  for (;;) pause();
}

static void escape(const char *name) {
  if (fork() != 0) return;
  setsid();
  if (fork() != 0) _exit(0);
  stay(name);
}

int main(int argc, char **argv) {
  const char *name = argc > 1 ? argv[1] : "stubborn";
  int polite[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
  for (unsigned i = 0; i < sizeof polite / sizeof *polite; i++) signal(polite[i], SIG_IGN);
  escape(name);
  escape(name);
  if (fork() == 0) stay(name);
  puts("ready");
  fflush(stdout);
  stay(name);
}
