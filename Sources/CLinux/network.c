// The network of the calling process, see netdevice(7), route(8) and arp(7).
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <net/route.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "CLinux.h"

static int network_ioctl(unsigned long request, void *argument) {
  int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int result = ioctl(fd, request, argument);
  int error = errno;
  close(fd);
  errno = error;
  return result;
}

int clinux_loopback_up(void) {
  struct ifreq request = {.ifr_name = "lo"};
  if (network_ioctl(SIOCGIFFLAGS, &request) < 0) return -1;
  request.ifr_flags |= IFF_UP | IFF_RUNNING;
  return network_ioctl(SIOCSIFFLAGS, &request);
}

static int take_address(struct sockaddr *place, const char *text) {
  struct sockaddr_in address = {.sin_family = AF_INET};
  if (inet_pton(AF_INET, text, &address.sin_addr) != 1) {
    errno = EINVAL;
    return -1;
  }
  memcpy(place, &address, sizeof address);
  return 0;
}

int clinux_reject_route(const char *network, const char *mask) {
  struct rtentry route = {.rt_flags = RTF_UP | RTF_REJECT};
  if (take_address(&route.rt_dst, network) < 0 || take_address(&route.rt_genmask, mask) < 0) {
    return -1;
  }
  return network_ioctl(SIOCADDRT, &route);
}

int clinux_fix_neighbour(const char *device, const char *address) {
  struct arpreq entry = {.arp_flags = ATF_COM | ATF_PERM};
  if (take_address(&entry.arp_pa, address) < 0) return -1;
  // Any will do, as there is one station only at the other end; a locally administered one.
  static const unsigned char station[] = {2, 0, 0, 0, 0, 2};
  entry.arp_ha.sa_family = ARPHRD_ETHER;
  memcpy(entry.arp_ha.sa_data, station, sizeof station);
  strncpy(entry.arp_dev, device, sizeof entry.arp_dev - 1);
  return network_ioctl(SIOCSARP, &entry);
}
