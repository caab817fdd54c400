// TCP sockets and host names, without sockaddr: Swift cannot cast its variants safely.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/// An IPv4 or IPv6 address with its port, in host order; `bytes` as in the packet.
struct clinux_address {
  /// 4 or 6.
  uint8_t version;
  uint8_t bytes[16];
  uint16_t port;
  /// The interface of a link-local IPv6 address, see ipv6(7); else 0.
  uint32_t scope;
};

/// A numeric address, as `127.0.0.1`, `::1` or `fe80::1%eth0`; -1 and EINVAL when it is none.
int clinux_address_parse(const char *host, uint16_t port, struct clinux_address *address);
/// The numeric text without the port into `text` (at least 64 bytes).
int clinux_address_text(const struct clinux_address *address, char *text, size_t size);
/// getaddrinfo(3) with the sources `files` and `dns` only: a static program must not load the
/// host's NSS modules. The count, or -1 and `*why` as text. Blocks.
int clinux_resolve(
    const char *host, uint16_t port, struct clinux_address *addresses, int capacity,
    const char **why);

/// Sockets are close-on-exec and non-blocking from birth.
int clinux_socket(const struct clinux_address *address);
/// Bound, listening; an IPv6 wildcard serves IPv4 too when `dual`.
int clinux_listen(const struct clinux_address *address, int backlog, int dual);
/// C for accept4(2), which is behind _GNU_SOURCE.
int clinux_accept(int listener, struct clinux_address *peer);
int clinux_connect(int socket, const struct clinux_address *address);
/// Takes and clears SO_ERROR: 0, or the errno of a failed connect.
int clinux_socket_error(int socket);
int clinux_local_address(int socket, struct clinux_address *address);
/// TCP_NODELAY, and TCP_USER_TIMEOUT when not 0, see tcp(7).
int clinux_tcp_options(int socket, unsigned int user_timeout_ms);
/// send(2) with MSG_NOSIGNAL: a peer that went away must not raise SIGPIPE, and ignoring that
/// signal would be inherited by every job.
ssize_t clinux_send(int socket, const void *data, size_t size);
ssize_t clinux_receive(int socket, void *data, size_t size);
int clinux_shutdown_write(int socket);

/// One pointer a thread: the event loop that runs on it. C because Swift has no thread locals.
void clinux_set_thread_loop(const void *loop);
const void *clinux_thread_loop(void);
