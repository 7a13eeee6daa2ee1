// CRC-32C: see crc32c.h.
#include "wire/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

namespace hexagent {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78u;  // reversed

using Tables = std::array<std::array<uint32_t, 256>, 8>;

// Table k advances a byte by k further bytes, so that eight bytes go in one step.
constexpr Tables make_tables() {
  Tables tables = {};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (size_t k = 1; k < tables.size(); ++k) {
    for (size_t byte = 0; byte < 256; ++byte) {
      const uint32_t before = tables[k - 1][byte];
      tables[k][byte] = (before >> 8) ^ tables[0][before & 0xff];
    }
  }
  return tables;
}

constexpr Tables kTables = make_tables();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc32c_instruction(uint32_t crc, const void* data,
                                                              size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  uint64_t state = ~crc;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof(word));
    state = _mm_crc32_u64(state, word);
  }
  auto narrow = static_cast<uint32_t>(state);
  for (; size > 0; --size, ++bytes) narrow = _mm_crc32_u8(narrow, *bytes);
  return ~narrow;
}
bool has_instruction() { return __builtin_cpu_supports("sse4.2") != 0; }
#elif defined(__aarch64__) && defined(__linux__)
__attribute__((target("+crc"))) uint32_t crc32c_instruction(uint32_t crc, const void* data,
                                                            size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  uint32_t state = ~crc;
  for (; size >= 8; size -= 8, bytes += 8) {
    uint64_t word;
    std::memcpy(&word, bytes, sizeof(word));
    state = __builtin_aarch64_crc32cx(state, word);
  }
  for (; size > 0; --size, ++bytes) state = __builtin_aarch64_crc32cb(state, *bytes);
  return ~state;
}
bool has_instruction() { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }
#else
uint32_t crc32c_instruction(uint32_t crc, const void* data, size_t size) {
  return crc32c_portable(crc, data, size);
}
bool has_instruction() { return false; }
#endif

}  // namespace

uint32_t crc32c_portable(uint32_t crc, const void* data, size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(data);
  uint32_t state = ~crc;
  for (; size >= 8; size -= 8, bytes += 8) {
    // Byte by byte, so that it does not matter how the processor orders them.
    state = kTables[7][(state ^ bytes[0]) & 0xff] ^ kTables[6][((state >> 8) ^ bytes[1]) & 0xff] ^
            kTables[5][((state >> 16) ^ bytes[2]) & 0xff] ^ kTables[4][(state >> 24) ^ bytes[3]] ^
            kTables[3][bytes[4]] ^ kTables[2][bytes[5]] ^ kTables[1][bytes[6]] ^
            kTables[0][bytes[7]];
  }
  for (; size > 0; --size, ++bytes) {
    state = (state >> 8) ^ kTables[0][(state ^ *bytes) & 0xff];
  }
  return ~state;
}

bool crc32c_is_accelerated() {
  static const bool has = has_instruction();
  return has;
}

uint32_t crc32c(uint32_t crc, const void* data, size_t size) {
  return crc32c_is_accelerated() ? crc32c_instruction(crc, data, size)
                                 : crc32c_portable(crc, data, size);
}

}  // namespace hexagent
