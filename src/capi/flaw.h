// Flaw: what is wrong with an argument, and its telling in a caller's hexagent_error.
//
// Checks return plain values; text is only made when a caller wants it. Tests: tests/abi.
#pragma once

#include <cstdint>

#include "capi/guard.h"
#include "core/base/sized_struct.h"
#include "hexagent/hexagent.h"

namespace hexagent {

// A number as it stood in a record, or none.
struct Number {
  enum class Kind : uint32_t { kNone, kUnsigned, kSigned, kReal };

  Number() = default;
  Number(uint64_t value) : kind(Kind::kUnsigned), whole(static_cast<int64_t>(value)) {}
  Number(int64_t value) : kind(Kind::kSigned), whole(value) {}
  Number(double value) : kind(Kind::kReal), real(value) {}

  Kind kind = Kind::kNone;
  int64_t whole = 0;  // of kUnsigned the bits
  double real = 0.0;
};

// Without a member the text is the sentence of the status.
struct Flaw {
  hexagent_status status = HEXAGENT_OK;
  uint32_t field = HEXAGENT_FIELD_NONE;
  const char* member = nullptr;  // as it stands in the record
  Number value = {};
  const char* rule = nullptr;  // "must be zero"; null: the bounds are the rule
  Number minimum = {};
  Number maximum = {};
};

// False if the caller's error struct is there but too small to be one.
inline bool is_usable(const hexagent_error* error) {
  return error == nullptr || check_size(error) == HEXAGENT_OK;
}

// Fills `error` (if any, and usable) from a flaw.
void tell(const Flaw& flaw, hexagent_error* error) noexcept;

// The same with a text of its own; `text` is cut to fit.
void tell(hexagent_status status, uint32_t field, const char* text, hexagent_error* error) noexcept;

// guard() for functions that explain themselves: `body` answers a Flaw.
template <class Body>
hexagent_status guard_telling(hexagent_scheduler* scheduler, hexagent_error* error,
                              Body&& body) noexcept {
  if (!is_usable(error)) return HEXAGENT_E_STRUCT_SIZE;
  Flaw flaw;
  const hexagent_status status = guard(scheduler, [&](hexagent_scheduler& usable) {
    flaw = body(usable);
    return flaw.status;
  });
  if (flaw.status != status) flaw = Flaw{status};
  tell(flaw, error);
  return status;
}

}  // namespace hexagent
