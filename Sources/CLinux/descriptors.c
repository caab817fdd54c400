// Descriptors from one process to another over a socket, see unix(7).
#define _GNU_SOURCE
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "CLinux.h"

int clinux_socket_pair(int ends[2]) {
  return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends);
}

union control {
  char bytes[CMSG_SPACE(sizeof(int) * CLINUX_MAX_DESCRIPTORS)];
  struct cmsghdr align;
};

int clinux_send_descriptors(int socket, const int *descriptors, int count) {
  if (count < 1 || count > CLINUX_MAX_DESCRIPTORS) {
    errno = EINVAL;
    return -1;
  }
  char byte = 0;
  struct iovec body = {.iov_base = &byte, .iov_len = 1};
  union control control = {0};
  size_t size = sizeof(int) * (size_t)count;
  struct msghdr message = {.msg_iov = &body,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = CMSG_SPACE(size)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(size);
  memcpy(CMSG_DATA(header), descriptors, size);
  return sendmsg(socket, &message, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int clinux_receive_descriptors(int socket, int *descriptors, int count) {
  char byte;
  struct iovec body = {.iov_base = &byte, .iov_len = 1};
  union control control;
  struct msghdr message = {.msg_iov = &body,
                           .msg_iovlen = 1,
                           .msg_control = control.bytes,
                           .msg_controllen = sizeof control.bytes};
  ssize_t received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  if (received <= 0) return (int)received;
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  size_t size = sizeof(int) * (size_t)count;
  if (!header || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(size)) {
    errno = EBADMSG;  // the caller ends: what did come is closed with it
    return -1;
  }
  memcpy(descriptors, CMSG_DATA(header), size);
  return count;
}
