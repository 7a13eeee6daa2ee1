// NameTable: interned strings, numbered 1, 2, 3 ... in the order they came.
//
// One instance keeps the names of a scheduler (classes, stages, models, ...), a second one of 64
// entries its labels. Both are fixed in the number of entries at open; the text grows with use,
// since interning belongs to set-up. Tests: tests/unit/runtime/name_table_test.cc.
#pragma once

#include <cstdint>
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
  bool known(uint32_t name) const { return name != 0 && name <= names_.size(); }

  // Text of a known name, zero-terminated; valid until the next intern().
  std::string_view text(uint32_t name) const;

  uint32_t size() const { return static_cast<uint32_t>(names_.size()); }
  uint64_t memory_bytes() const;

 private:
  struct Name {
    uint32_t offset;
    uint32_t size;  // bytes, without the terminating zero
  };

  uint32_t find_slot(std::string_view name) const;

  uint32_t names_max_;
  std::vector<Name> names_;  // entry i has id i + 1
  std::vector<char> text_;
  std::vector<uint32_t> slots_;  // open addressing by hash, holds ids, 0 = empty
};

// 1 to kNameSizeMax bytes of valid UTF-8 without a zero byte: fit for JSON, metrics and C strings.
bool is_valid_name(std::string_view name);

}  // namespace hexagent
