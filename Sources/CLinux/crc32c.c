// CRC-32C, reflected polynomial 0x82F63B78, as in RFC 3720 appendix B.4.
#include <string.h>

#include "CLinux.h"

static uint32_t by_bits(uint32_t crc, const uint8_t *data, size_t size) {
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (0x82F63B78 & -(crc & 1));
  }
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(
    uint32_t crc, const uint8_t *data, size_t size) {
  uint64_t wide = crc;
  for (; size >= 8; data += 8, size -= 8) {
    uint64_t word;
    memcpy(&word, data, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = (uint32_t)wide;
  for (; size > 0; data++, size--) crc = __builtin_ia32_crc32qi(crc, *data);
  return crc;
}
#endif

uint32_t clinux_crc32c(uint32_t crc, const void *data, size_t size) {
  crc = ~crc;
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~by_instruction(crc, data, size);
#endif
  return ~by_bits(crc, data, size);
}
