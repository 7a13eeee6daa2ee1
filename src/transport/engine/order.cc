// Order of chunks: see order.h.
#include "transport/engine/order.h"

#include <algorithm>
#include <bit>

#include "core/base/time.h"

namespace hexagent::transport {
namespace {

constexpr double kAssumedBytesPerS = 1e9;  // until the link has been measured
constexpr double kRiskMin = 1.0 / 64;      // without a risk the deadline still counts
constexpr double kSlackMinNs = 1e6;
constexpr double kRelaxed = 1.0 / 65536;  // time over slack without a deadline, or when it is gone
constexpr double kPatience = 4.0;         // times what it would take alone
constexpr double kPatienceMinNs = 2e6;    // below, one chunk of the others is as long

// Exponent of a positive, finite number: pressures within a factor of two count as equal.
int32_t exponent_of(double value) {
  constexpr int32_t kBias = 1023;
  return static_cast<int32_t>(std::bit_cast<uint64_t>(value) >> 52) - kBias;
}

}  // namespace

OrderKey order_key(const OrderInput& input, int64_t now_ns, double bytes_per_s) {
  const double rate = bytes_per_s > 0.0 ? bytes_per_s : kAssumedBytesPerS;
  const double remaining_ns =
      std::max(1.0, static_cast<double>(input.remaining_bytes) / rate * kNsPerS);
  double pressure = kRelaxed;
  if (input.deadline_ns > now_ns) {
    const double left = static_cast<double>(input.deadline_ns - now_ns) - remaining_ns;
    pressure = std::max(kRelaxed, remaining_ns / std::max(left, kSlackMinNs));
  }
  const double risk = std::max(input.risk, kRiskMin);
  const auto waited_ns = static_cast<double>(now_ns - input.waiting_since_ns);
  OrderKey key = {};
  key.starved = waited_ns > std::max(kPatience * remaining_ns, kPatienceMinNs);
  key.waiting_since_ns = input.waiting_since_ns;
  key.priority = input.priority;
  key.pressure = exponent_of(risk * pressure);
  key.served = input.served;
  key.sequence = input.sequence;
  return key;
}

bool goes_before(const OrderKey& a, const OrderKey& b) {
  if (a.starved != b.starved) return a.starved;
  if (a.starved && a.waiting_since_ns != b.waiting_since_ns) {
    return a.waiting_since_ns < b.waiting_since_ns;
  }
  if (a.priority != b.priority) return a.priority < b.priority;
  if (a.pressure != b.pressure) return a.pressure > b.pressure;
  if (a.served != b.served) return a.served < b.served;
  return a.sequence < b.sequence;
}

}  // namespace hexagent::transport
