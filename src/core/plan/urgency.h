// Urgency: how urgent a waiting call is, as a function of time.
//
// Every order's key is linear in time until something happens to the call's workflow (notes
// 5, idea 11: R = (t - b) / H), so the function is computed then and only evaluated in plans, which
// look at thousands of calls. 32 bytes, for the same reason. Tests:
// tests/unit/core/plan/urgency_test.cc.
#pragma once

#include <limits>

#include "core/base/time.h"

namespace hexagent {

struct Urgency {
  // Key of a call whose deadline is lost: behind everyone who can still be helped and is more than
  // half way to the deadline (DESIGN section 5, Deadlines).
  static constexpr double kLost = 0.5;

  TimeNs since = 0;      // elapsed time counts from here
  double lead_s = 0.0;   // on top of the elapsed time
  double span_s = 1.0;   // their sum is divided by this
  float passing = 0.0F;  // 1: the key rises with time, 0: it does not
  float limit = std::numeric_limits<float>::infinity();  // beyond it the deadline is lost

  // A key that time does not change.
  static Urgency constant(double key) {
    Urgency urgency;
    urgency.lead_s = key;
    return urgency;
  }
  // (elapsed + lead_s) / span_s.
  static Urgency rising(TimeNs since, double lead_s, double span_s) {
    Urgency urgency;
    urgency.since = since;
    urgency.lead_s = lead_s;
    urgency.span_s = span_s;
    urgency.passing = 1.0F;
    return urgency;
  }

  double at(TimeNs now) const {
    const double key = sum_s(now) / span_s;
    return key <= static_cast<double>(limit) ? key : kLost;
  }

  // Surely below `bound`, which is above kLost? No division: a plan asks this of thousands.
  bool surely_below(double bound, TimeNs now) const { return sum_s(now) < bound * span_s * kShy; }

 private:
  static constexpr double kShy = 1.0 - 1e-12;  // more than the rounding of a product and a quotient
  double sum_s(TimeNs now) const {
    return static_cast<double>(passing) * to_s(now - since) + lead_s;
  }
};
static_assert(sizeof(Urgency) == 32);

}  // namespace hexagent
