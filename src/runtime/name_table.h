// NameTable: interned strings, numbered 1, 2, 3 ... in the order they came.
//
// One instance keeps the names of a scheduler (classes, stages, models, ...), a second one of 64
// entries its labels. Both are fixed in the number of entries at open; the text grows with use,
// since interning belongs to set-up. Any thread may use it: interning takes a lock, whereas asking
// whether an id is known, which every record on the hot path does, is one atomic load.
// Tests: tests/unit/runtime/name_table_test.cc.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent {

// Longest name, bytes.
inline constexpr uint32_t kNameSizeMax = 255;

class NameTable {
 public:
  // May throw std::bad_alloc.
  explicit NameTable(uint32_t names_max);

  // The name's id (> 0), the same for the same text; HEXAGENT_E_NAME for a malformed string,
  // HEXAGENT_E_FULL. May throw std::bad_alloc, and has then changed nothing.
  int32_t intern(std::string_view name);

  // Id 0 means "no name" and is not known.
  bool known(uint32_t name) const { return name != 0 && name <= size(); }

  // Text of a known name, zero-terminated; valid as long as the table.
  std::string_view text(uint32_t name) const { return names_[name - 1]; }

  // Acquire: pairs with the release in intern(), so that the texts of all ids up to this are there.
  uint32_t size() const { return size_.load(std::memory_order_acquire); }
  uint64_t memory_bytes() const;

 private:
  uint32_t find_slot(std::string_view name) const;
  std::string_view keep(std::string_view name);

  const uint32_t names_max_;
  const std::unique_ptr<std::string_view[]> names_;  // entry i has id i + 1; never moves
  std::atomic<uint32_t> size_{0};

  mutable std::mutex mutex_;                     // of all below; interning only
  std::vector<uint32_t> slots_;                  // open addressing by hash, holds ids, 0 = empty
  std::vector<std::unique_ptr<char[]>> blocks_;  // texts; what was written never moves
  uint64_t block_used_ = 0;                      // bytes of the newest block
};

// 1 to kNameSizeMax bytes of valid UTF-8 without a zero byte: fit for JSON, metrics and C strings.
bool is_valid_name(std::string_view name);

}  // namespace hexagent
