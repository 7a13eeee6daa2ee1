// Urgency: how urgent a waiting call is, as a function of time.
//
// Every order's key is linear in time until something happens to the call's workflow (notes
// 5, idea 11: R = (t - b) / H), so the function is computed then and only evaluated in plans, which
// look at thousands of calls; most are told to be no candidates by their Line. Tests:
// tests/unit/core/plan/urgency_test.cc.
#pragma once

#include <cmath>
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

  // What the key is at least where it falls behind a limit.
  double least() const {
    return limit == std::numeric_limits<float>::infinity()
               ? -std::numeric_limits<double>::infinity()
               : kLost;
  }

  // The key as a line over time, drawn a little too high: more than all rounding on the way. Where
  // rate * now_s - offset is below a bound above kLost, the key surely is. `now_s`: shy_s().
  struct Line {
    double rate;
    double offset;
  };
  Line line() const {
    const double since_s = static_cast<double>(passing) * to_s(since);
    const double size = std::abs(since_s) + std::abs(lead_s);
    return {static_cast<double>(passing) / span_s, (since_s - lead_s - kRounding * size) / span_s};
  }
  static double shy_s(TimeNs now) { return to_s(now) + kRounding * std::abs(to_s(now)); }

 private:
  static constexpr double kRounding = 1e-13;  // of each term of a line
  double sum_s(TimeNs now) const {
    return static_cast<double>(passing) * to_s(now - since) + lead_s;
  }
};
static_assert(sizeof(Urgency) == 32);

}  // namespace hexagent
