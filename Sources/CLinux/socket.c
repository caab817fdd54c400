// TCP sockets and host names.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nss.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "CLinux.h"

static socklen_t to_sockaddr(const struct clinux_address *from, struct sockaddr_storage *to) {
  memset(to, 0, sizeof *to);
  if (from->version == 4) {
    struct sockaddr_in *in = (struct sockaddr_in *)to;
    in->sin_family = AF_INET;
    in->sin_port = htons(from->port);
    memcpy(&in->sin_addr, from->bytes, 4);
    return sizeof *in;
  }
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)to;
  in6->sin6_family = AF_INET6;
  in6->sin6_port = htons(from->port);
  in6->sin6_scope_id = from->scope;
  memcpy(&in6->sin6_addr, from->bytes, 16);
  return sizeof *in6;
}

static int from_sockaddr(const struct sockaddr *from, struct clinux_address *to) {
  memset(to, 0, sizeof *to);
  if (from->sa_family == AF_INET) {
    const struct sockaddr_in *in = (const struct sockaddr_in *)from;
    to->version = 4;
    to->port = ntohs(in->sin_port);
    memcpy(to->bytes, &in->sin_addr, 4);
    return 0;
  }
  if (from->sa_family == AF_INET6) {
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)from;
    to->version = 6;
    to->port = ntohs(in6->sin6_port);
    to->scope = in6->sin6_scope_id;
    memcpy(to->bytes, &in6->sin6_addr, 16);
    return 0;
  }
  errno = EAFNOSUPPORT;
  return -1;
}

int clinux_address_parse(const char *host, uint16_t port, struct clinux_address *address) {
  memset(address, 0, sizeof *address);
  address->port = port;
  if (inet_pton(AF_INET, host, address->bytes) == 1) {
    address->version = 4;
    return 0;
  }
  char copy[INET6_ADDRSTRLEN + IF_NAMESIZE + 1];
  if (strlen(host) < sizeof copy) {
    strcpy(copy, host);
    char *zone = strchr(copy, '%');
    if (zone) *zone++ = 0;
    if (inet_pton(AF_INET6, copy, address->bytes) == 1) {
      address->version = 6;
      if (zone) address->scope = if_nametoindex(zone);
      if (!zone || address->scope) return 0;
    }
  }
  errno = EINVAL;
  return -1;
}

int clinux_address_text(const struct clinux_address *address, char *text, size_t size) {
  int family = address->version == 4 ? AF_INET : AF_INET6;
  if (!inet_ntop(family, address->bytes, text, (socklen_t)size)) return -1;
  char zone[IF_NAMESIZE];
  size_t used = strlen(text);
  if (address->scope && if_indextoname(address->scope, zone))
    snprintf(text + used, size - used, "%%%s", zone);
  return 0;
}

static void choose_sources(void) { __nss_configure_lookup("hosts", "files dns"); }

int clinux_resolve(
    const char *host, uint16_t port, struct clinux_address *addresses, int capacity,
    const char **why) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, choose_sources);
  struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  struct addrinfo *list = NULL;
  int error = getaddrinfo(host, NULL, &hints, &list);
  if (error) {
    *why = error == EAI_SYSTEM ? strerrordesc_np(errno) : gai_strerror(error);
    return -1;
  }
  int count = 0;
  for (struct addrinfo *item = list; item && count < capacity; item = item->ai_next) {
    if (from_sockaddr(item->ai_addr, &addresses[count]) < 0) continue;
    addresses[count++].port = port;
  }
  freeaddrinfo(list);
  if (count == 0) {
    *why = "no address";
    return -1;
  }
  return count;
}

int clinux_socket(const struct clinux_address *address) {
  int family = address->version == 4 ? AF_INET : AF_INET6;
  return socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

static int prepare_listener(int fd, const struct clinux_address *address, int backlog, int dual) {
  int on = 1, v6only = !dual;
  // A restarted server must not wait for the old connections' TIME_WAIT, see socket(7).
  if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return -1;
  if (address->version == 6 &&
      setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, sizeof v6only) < 0)
    return -1;
  struct sockaddr_storage storage;
  socklen_t size = to_sockaddr(address, &storage);
  if (bind(fd, (struct sockaddr *)&storage, size) < 0) return -1;
  return listen(fd, backlog);
}

int clinux_listen(const struct clinux_address *address, int backlog, int dual) {
  int fd = clinux_socket(address);
  if (fd < 0) return -1;
  if (prepare_listener(fd, address, backlog, dual) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

int clinux_accept(int listener, struct clinux_address *peer) {
  struct sockaddr_storage storage;
  socklen_t size = sizeof storage;
  int fd = accept4(listener, (struct sockaddr *)&storage, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) from_sockaddr((struct sockaddr *)&storage, peer);
  return fd;
}

int clinux_connect(int fd, const struct clinux_address *address) {
  struct sockaddr_storage storage;
  socklen_t size = to_sockaddr(address, &storage);
  return connect(fd, (struct sockaddr *)&storage, size);
}

int clinux_socket_error(int fd) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0) return errno;
  return error;
}

int clinux_local_address(int fd, struct clinux_address *address) {
  struct sockaddr_storage storage;
  socklen_t size = sizeof storage;
  if (getsockname(fd, (struct sockaddr *)&storage, &size) < 0) return -1;
  return from_sockaddr((struct sockaddr *)&storage, address);
}

int clinux_tcp_options(int fd, unsigned int user_timeout_ms) {
  int on = 1;
  if (setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0) return -1;
  if (user_timeout_ms == 0) return 0;
  return setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

ssize_t clinux_send(int fd, const void *data, size_t size) {
  return send(fd, data, size, MSG_NOSIGNAL);
}

ssize_t clinux_receive(int fd, void *data, size_t size) { return recv(fd, data, size, 0); }

int clinux_shutdown_write(int fd) { return shutdown(fd, SHUT_WR); }

static _Thread_local const void *thread_loop;

void clinux_set_thread_loop(const void *loop) { thread_loop = loop; }

const void *clinux_thread_loop(void) { return thread_loop; }
