// ShapeChecker: a run of checks on one record that keeps the first flaw. For shape_*.cc only.
#pragma once

#include <cstdint>

#include "capi/shape.h"

namespace hexagent {

class ShapeChecker {
 public:
  explicit ShapeChecker(const hexagent_scheduler* scheduler = nullptr) : scheduler_(scheduler) {}

  const Flaw& flaw() const { return flaw_; }
  bool sound() const { return flaw_.status == HEXAGENT_OK; }

  // A whole number between bounds.
  ShapeChecker& number(const char* member, uint32_t field, uint64_t value, uint64_t minimum,
                       uint64_t maximum) {
    if (sound() && (value < minimum || value > maximum)) {
      flaw_ = {HEXAGENT_E_RANGE, field, member, value, nullptr, minimum, maximum};
    }
    return *this;
  }

  // A time or duration, 0 to `maximum`.
  ShapeChecker& time(const char* member, uint32_t field, int64_t value, int64_t maximum) {
    if (sound() && (value < 0 || value > maximum)) {
      flaw_ = {HEXAGENT_E_RANGE, field, member, value, nullptr, int64_t{0}, maximum};
    }
    return *this;
  }

  // A finite number between bounds; 0 is allowed beside them, it stands for the default.
  ShapeChecker& real(const char* member, uint32_t field, double value, double minimum,
                     double maximum) {
    const bool good = value == 0.0 || (value >= minimum && value <= maximum);  // false for NaN
    if (sound() && !good) {
      flaw_ = {HEXAGENT_E_RANGE, field, member, value, nullptr, minimum, maximum};
    }
    return *this;
  }

  ShapeChecker& id(const char* member, uint32_t field, uint64_t value) {
    return rule(value != 0, HEXAGENT_E_RANGE, member, field, value, "0 is not an id");
  }

  // 0, or at least the median.
  ShapeChecker& quantile(const char* member, uint32_t field, uint64_t p90, uint64_t p50) {
    return rule(p90 == 0 || p90 >= p50, HEXAGENT_E_RANGE, member, field, p90,
                "must be 0 or at least p50");
  }

  // A name id this scheduler gave; 0 only where `optional`.
  ShapeChecker& name(const char* member, uint32_t field, uint32_t value, bool optional) {
    const bool good = value == 0 ? optional : scheduler_->names.known(value);
    return rule(good, HEXAGENT_E_NAME, member, field, value,
                value == 0 ? "a name is needed" : "not a name id of this scheduler");
  }

  // Only bits that hexagent_label() gave.
  ShapeChecker& labels(const char* member, uint64_t value) {
    const uint32_t count = scheduler_->labels.size();
    const uint64_t known = count >= kLabelsMax ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
    return rule((value & ~known) == 0, HEXAGENT_E_NAME, member, HEXAGENT_FIELD_LABELS, value,
                "has bits that are no label of this scheduler");
  }

  ShapeChecker& flags(const char* member, uint64_t value, uint64_t known) {
    return rule((value & ~known) == 0, HEXAGENT_E_RESERVED, member, HEXAGENT_FIELD_FLAGS, value,
                "has unknown flags");
  }

  ShapeChecker& zero(const char* member, uint64_t value) {
    return rule(value == 0, HEXAGENT_E_RESERVED, member, HEXAGENT_FIELD_RESERVED, value,
                "must be zero");
  }

  template <uint32_t Count>
  ShapeChecker& zeros(const char* member, const uint64_t (&values)[Count]) {
    for (uint64_t value : values) zero(member, value);
    return *this;
  }

  ShapeChecker& rule(bool good, hexagent_status status, const char* member, uint32_t field,
                     uint64_t value, const char* text) {
    if (sound() && !good) flaw_ = {status, field, member, value, text};
    return *this;
  }

 private:
  const hexagent_scheduler* scheduler_;
  Flaw flaw_;
};

}  // namespace hexagent
