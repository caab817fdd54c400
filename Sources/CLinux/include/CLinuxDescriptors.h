// Descriptors from one process to another: C because Swift lacks the macros of cmsg(3).
#pragma once

#define CLINUX_MAX_DESCRIPTORS 8

/// Two connected ends that keep messages apart, close-on-exec.
int clinux_socket_pair(int ends[2]);
/// Sends copies of `count` descriptors in one message. EPIPE without SIGPIPE when nobody is there.
int clinux_send_descriptors(int socket, const int *descriptors, int count);
/// Waits for a message of just `count` descriptors and takes them, close-on-exec: `count`, 0 when the
/// other end is closed, -1 and errno (EBADMSG for any other message).
int clinux_receive_descriptors(int socket, int *descriptors, int count);
