// linear NAME DEVICE SECTORS: makes the device-mapper device NAME over the first SECTORS of DEVICE, as
// LVM does for a plain volume, and prints its MAJOR:MINOR. See the kernel's dm-ioctl.h.
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

static struct {
  struct dm_ioctl head;
  struct dm_target_spec target;
  char parameters[512];
} request;

static int control(unsigned long command, const char *name, int fd) {
  request.head.version[0] = DM_VERSION_MAJOR;
  request.head.data_size = sizeof request;
  request.head.data_start = sizeof request.head;
  snprintf(request.head.name, sizeof request.head.name, "%s", name);
  return ioctl(fd, command, &request);
}

int main(int argc, char **argv) {
  if (argc < 4) return 2;
  int fd = open("/dev/mapper/control", O_RDWR);
  if (fd < 0) return perror("/dev/mapper/control"), 1;
  if (control(DM_DEV_CREATE, argv[1], fd) < 0) return perror("create"), 1;
  memset(&request, 0, sizeof request);
  request.head.target_count = 1;
  request.target.length = strtoull(argv[3], NULL, 10);
  strcpy(request.target.target_type, "linear");
  snprintf(request.parameters, sizeof request.parameters, "%s 0", argv[2]);
  request.target.next = sizeof request.target + sizeof request.parameters;
  if (control(DM_TABLE_LOAD, argv[1], fd) < 0) return perror("load"), 1;
  memset(&request, 0, sizeof request);
  if (control(DM_DEV_SUSPEND, argv[1], fd) < 0) return perror("resume"), 1;
  printf("%u:%u\n", major(request.head.dev), minor(request.head.dev));
  return 0;
}
