// Boot identity: see boot_identity.h.
#include "runtime/boot_identity.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

namespace hexagent {
namespace {

// The value of a hexadecimal digit, 16 of anything else.
uint64_t digit(char letter) {
  if (letter >= '0' && letter <= '9') return static_cast<uint64_t>(letter - '0');
  if (letter >= 'a' && letter <= 'f') return static_cast<uint64_t>(letter - 'a') + 10;
  return 16;
}

}  // namespace

uint64_t fold_boot_id(std::string_view text) noexcept {
  constexpr uint32_t kDigits = 32;
  uint64_t halves[2] = {0, 0};
  uint32_t digits = 0;
  for (const char letter : text) {
    const uint64_t value = digit(letter);
    if (value == 16 || digits == kDigits) continue;
    uint64_t& half = halves[digits++ / (kDigits / 2)];
    half = half << 4 | value;
  }
  // 122 of the 128 bits are random, so the two halves are no likelier to meet than any numbers.
  return digits == kDigits ? halves[0] ^ halves[1] : 0;
}

uint64_t boot_identity() noexcept {
  const int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  if (file < 0) return 0;
  char text[64];
  const ssize_t size = read(file, text, sizeof(text));
  close(file);
  return fold_boot_id({text, static_cast<size_t>(std::max<ssize_t>(size, 0))});
}

}  // namespace hexagent
