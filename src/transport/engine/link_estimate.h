// LinkEstimate: what a link to a peer carries, learnt from the chunks it acknowledged: bandwidth
// while it is busy, and what a transfer on an idle link costs beside its bytes.
//
// An acknowledgement tells that its bytes have arrived, not when: those of several chunks come
// together when the control path or either host was busy, and the time between two of them may be
// nothing. So what is measured is a *span*: from the end of one bunch of acknowledgements to the
// end of another, or from the first chunk on an idle link. Tests:
// tests/unit/transport/engine/link_estimate_test.cc.
#pragma once

#include <cstdint>

namespace hexagent::transport {

class LinkEstimate {
 public:
  // A chunk begins its way.
  void on_start(int64_t now_ns);
  // One has arrived. `idle`: none is under way any more, and none waits for anything but its turn.
  void on_arrival(int64_t now_ns, uint64_t bytes, bool idle);
  // The time until after the next `late` arrivals is not the link's: a chunk did not arrive, or the
  // source had none to send.
  void on_pause(uint32_t late, bool idle);

  double bytes_per_s() const { return bytes_per_s_; }  // 0 = nothing known
  int64_t setup_ns() const { return static_cast<int64_t>(setup_ns_); }
  // Time that `bytes` take on an idle link; 0 while nothing is known.
  int64_t expected_ns(uint64_t bytes) const;
  // Has enough been seen that others should go by it? Before, it is a first guess.
  bool is_settled() const;

 private:
  struct Span {
    int64_t begin_ns = 0;
    int64_t end_ns = 0;  // of its last arrival
    uint64_t bytes = 0;
    uint32_t chunks = 0;
    bool first = false;  // it began on an idle link, so a set-up is in it
    bool spoilt = false;
  };

  struct Lone {
    double ns = 0.0;
    double bytes = 0.0;  // 0 = none
  };

  bool ends_before(int64_t arrival_ns) const;
  void end_span();
  void learn_first(double took_ns, double bytes);
  void learn_pure(double took_ns, double bytes);
  void settle_lone();
  void learn_setup(const Lone& lone);
  bool learn_rate(double sample);
  double bytes_ns(double bytes) const { return bytes / bytes_per_s_ * 1e9; }

  Span span_;
  bool busy_ = false;
  uint32_t late_ = 0;  // arrivals that tell nothing
  Lone lone_;          // the first span of this run, until another follows
  double bytes_per_s_ = 0.0;
  double setup_ns_ = 0.0;
  bool rate_is_lone_ = false;  // it is from first spans alone, so a set-up is in it
  uint32_t surprises_ = 0;     // samples in a row far off the mean, on one side
  bool surprise_above_ = false;
  // What it rests on.
  uint32_t spans_ = 0;
  uint64_t bytes_ = 0;
  int64_t busy_ns_ = 0;
};

}  // namespace hexagent::transport
