// LinkEstimate: what a link to a peer carries, learnt from the chunks it acknowledged: bandwidth
// while it is busy, and what a transfer on an idle link costs beside its bytes. Tests:
// tests/unit/transport/engine/link_estimate_test.cc.
#pragma once

#include <cstdint>

namespace hexagent::transport {

class LinkEstimate {
 public:
  // A chunk begins its way. `under_way` counts the chunks before it that have not arrived.
  void on_start(int64_t now_ns, uint32_t under_way);
  // One has arrived; `start_ns` is when it began.
  void on_arrival(int64_t now_ns, int64_t start_ns, uint64_t bytes);

  double bytes_per_s() const { return bytes_per_s_; }  // 0 = nothing known
  int64_t setup_ns() const { return static_cast<int64_t>(setup_ns_); }
  // Time that `bytes` take on an idle link; 0 while nothing is known.
  int64_t expected_ns(uint64_t bytes) const;

 private:
  void learn_first(double took_ns, double bytes);
  void learn_rate(double sample);

  double bytes_per_s_ = 0.0;
  double setup_ns_ = 0.0;
  bool setup_known_ = false;
  int64_t busy_since_ns_ = 0;  // when the link last began or ended a chunk, without a pause since
  bool first_of_busy_ = false;
  uint32_t surprises_ = 0;  // samples in a row far off the mean, on one side
  bool surprise_above_ = false;
};

}  // namespace hexagent::transport
