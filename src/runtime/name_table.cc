// NameTable: see name_table.h.
#include "runtime/name_table.h"

#include <bit>

namespace hexagent {
namespace {

constexpr uint64_t kBlockBytes = 4096;
static_assert(kBlockBytes > kNameSizeMax);

// FNV-1a, then a final mix so that the low bits depend on all bytes.
uint64_t hash(std::string_view name) {
  uint64_t state = 0xcbf29ce484222325u;
  for (char byte : name) {
    state = (state ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  state ^= state >> 32;
  state *= 0x9e3779b97f4a7c15u;
  return state ^ (state >> 29);
}

bool is_continuation(unsigned char byte) { return (byte & 0xc0u) == 0x80u; }

// Bytes of the UTF-8 sequence at the start of `text`, 0 if there is none that is well formed.
size_t sequence_size(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = at(0);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if (!is_continuation(at(i))) return 0;
  }
  const unsigned char second = at(1);
  if (first == 0xe0 && second < 0xa0) return 0;  // overlong
  if (first == 0xed && second > 0x9f) return 0;  // surrogate
  if (first == 0xf0 && second < 0x90) return 0;  // overlong
  if (first == 0xf4 && second > 0x8f) return 0;  // beyond U+10FFFF
  return size;
}

}  // namespace

bool is_valid_name(std::string_view name) {
  if (name.empty() || name.size() > kNameSizeMax) return false;
  while (!name.empty()) {
    const size_t size = sequence_size(name);
    if (size == 0) return false;
    name.remove_prefix(size);
  }
  return true;
}

NameTable::NameTable(uint32_t names_max)
    : names_max_(names_max),
      names_(std::make_unique<std::string_view[]>(names_max)),
      slots_(std::bit_ceil(2 * static_cast<uint64_t>(names_max) + 1), 0) {}

uint32_t NameTable::find_slot(std::string_view name) const {
  const uint64_t mask = slots_.size() - 1;
  uint64_t slot = hash(name) & mask;
  // Ends: at most half of the slots are ever taken.
  while (slots_[slot] != 0 && text(slots_[slot]) != name) slot = (slot + 1) & mask;
  return static_cast<uint32_t>(slot);
}

// Copies a text to where it stays. May throw std::bad_alloc, and has then changed nothing.
std::string_view NameTable::keep(std::string_view name) {
  const uint64_t needed = name.size() + 1;
  if (blocks_.empty() || kBlockBytes - block_used_ < needed) {
    blocks_.push_back(std::make_unique<char[]>(kBlockBytes));
    block_used_ = 0;
  }
  char* place = blocks_.back().get() + block_used_;
  name.copy(place, name.size());
  place[name.size()] = '\0';
  block_used_ += needed;
  return {place, name.size()};
}

int32_t NameTable::intern(std::string_view name) {
  if (!is_valid_name(name)) return HEXAGENT_E_NAME;
  const std::lock_guard<std::mutex> lock(mutex_);
  const uint32_t slot = find_slot(name);
  if (slots_[slot] != 0) return static_cast<int32_t>(slots_[slot]);
  const uint32_t count = size_.load(std::memory_order_relaxed);  // relaxed: only we store, locked
  if (count == names_max_) return HEXAGENT_E_FULL;
  names_[count] = keep(name);
  slots_[slot] = count + 1;
  // Release: pairs with size(). An id is known only when its text can be read.
  size_.store(count + 1, std::memory_order_release);
  return static_cast<int32_t>(count + 1);
}

uint64_t NameTable::memory_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return names_max_ * sizeof(std::string_view) + blocks_.size() * kBlockBytes +
         slots_.capacity() * sizeof(uint32_t);
}

}  // namespace hexagent
