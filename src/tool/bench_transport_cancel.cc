// Row A15: from the wish to cancel a transfer that is under way until its blocks are free, by a
// clock. The wish comes at a random moment, mostly in the middle of a copy, and what the end's
// thread needs to get to it counts. Both ends cancel in turn.
#include <stdexcept>

#include "sim/random.h"
#include "tool/bench_timing.h"
#include "tool/bench_transport.h"
#include "tool/bench_transport_end.h"
#include "transport/host/host_memory.h"
#include "transport/tcp/host_tcp.h"

namespace hexagent::tool {
namespace {

constexpr uint32_t kCancelBlocks = 32;  // 16 MiB
constexpr uint32_t kCancelWarmUps = 20;

// The moments of one round; each is written by one thread before the quiesced count that the
// other waits for.
struct CancelMoments {
  int64_t wanted_ns = 0;
  int64_t called_ns = 0;
  hexagent_status answer = HEXAGENT_E_STALE;
  int64_t quiesced_ns[2] = {};  // source, target
};

struct CancelTimes {
  std::vector<int64_t> wish_ns;   // from the wish to QUIESCED of the end that cancels
  std::vector<int64_t> call_ns;   // from the call
  std::vector<int64_t> other_ns;  // from the wish to QUIESCED of the other end
  uint32_t late = 0;              // it was done before
};

class CancelBench {
 public:
  CancelBench(const hexagent_transport_ops* ops, const char* options)
      : pair_(ops, options, kCancelBlocks) {
    watch(&pair_.source, 0);
    watch(&pair_.target, 1);
    std::vector<int64_t> times;
    for (uint32_t i = 0; i < kCancelWarmUps; ++i) {
      const int64_t begin_ns = begin();
      pair_.until_quiesced(++rounds_);
      times.push_back(clock_ns() - begin_ns);
    }
    alone_ns_ = static_cast<int64_t>(median(times));
  }

  void round(CancelTimes* samples) {
    const bool at_source = random_.below(2) == 0;
    const auto after_ns = static_cast<int64_t>(random_.below(static_cast<uint64_t>(alone_ns_)));
    now_ = CancelMoments();
    const int64_t begin_ns = begin();
    now_.wanted_ns = begin_ns + after_ns;
    BenchEnd& end = at_source ? pair_.source : pair_.target;
    end.at(now_.wanted_ns, [this, &end, at_source] {
      now_.called_ns = clock_ns();
      now_.answer = end.ops->cancel(end.transport,
                                    at_source ? HEXAGENT_TRANSFER_SOURCE : HEXAGENT_TRANSFER_TARGET,
                                    at_source ? id_ : token_);
    });
    pair_.until([&end] { return end.at_done(); });
    pair_.until_quiesced(++rounds_);
    if (now_.answer != HEXAGENT_OK) {
      ++samples->late;
      return;
    }
    const int64_t own_ns = now_.quiesced_ns[at_source ? 0 : 1];
    samples->wish_ns.push_back(own_ns - now_.wanted_ns);
    samples->call_ns.push_back(own_ns - now_.called_ns);
    samples->other_ns.push_back(now_.quiesced_ns[at_source ? 1 : 0] - now_.wanted_ns);
  }

 private:
  void watch(BenchEnd* end, uint32_t side) {
    end->on_event = [this, side](const hexagent_transfer_event& event) {
      if (event.kind == HEXAGENT_TRANSFER_QUIESCED) now_.quiesced_ns[side] = clock_ns();
    };
  }
  int64_t begin() {
    token_ = pair_.reserve(kCancelBlocks);
    const int64_t begin_ns = clock_ns();
    id_ = pair_.submit(pair_.describe(kCancelBlocks, token_));
    return begin_ns;
  }

  CancelMoments now_;  // before the pair, whose thread writes it
  BenchPair pair_;
  uint64_t token_ = 0;
  uint64_t id_ = 0;
  sim::Random random_{1};
  uint32_t rounds_ = 0;
  int64_t alone_ns_ = 0;
};

CancelResult measure_cancels(const hexagent_transport_ops* ops, const char* way,
                             const char* options) {
  constexpr uint32_t kCancels = 2000;
  constexpr uint32_t kRoundsMax = 4 * kCancels;
  CancelBench bench(ops, options);
  CancelTimes samples;
  for (uint32_t i = 0; i < kRoundsMax && samples.wish_ns.size() < kCancels; ++i) {
    bench.round(&samples);
  }
  if (samples.wish_ns.size() < kCancels) throw std::runtime_error("cancels came too late");
  CancelResult result = {};
  result.way = way;
  result.cancels = kCancels;
  result.late = samples.late;
  result.wish_ns = quantile(&samples.wish_ns, 0.5);
  result.wish_p99_ns = quantile(&samples.wish_ns, 0.99);
  result.wish_max_ns = quantile(&samples.wish_ns, 1.0);
  result.call_ns = quantile(&samples.call_ns, 0.5);
  result.call_p99_ns = quantile(&samples.call_ns, 0.99);
  result.other_ns = quantile(&samples.other_ns, 0.5);
  result.other_p99_ns = quantile(&samples.other_ns, 0.99);
  return result;
}

}  // namespace

std::vector<CancelResult> bench_cancels() {
  return {measure_cancels(transport::host_memory_ops(), "host-memory, two copies", "one_copy=off"),
          measure_cancels(transport::host_memory_ops(), "host-memory, one copy", "one_copy_min=0"),
          measure_cancels(transport::host_tcp_ops(), "host-tcp", nullptr)};
}

}  // namespace hexagent::tool
