// What the tests of the decode engine share: an engine on LinearTruth and a driver that collects
// reports in virtual time.
#pragma once

#include <cstdint>

#include "linear_truth.h"
#include "sim/engine/decode_engine.h"

namespace hexagent::sim {

struct DecodeSetup {
  int64_t capacity_tokens = 100000;
  int64_t block_tokens = 16;
  int32_t batch_max = 256;
  double jitter_sd = 0.0;
  uint64_t seed = 1;
};

struct DecodeWorld {
  LinearTruth truth;
  ContentTree tree;
  DecodeEngine engine;
  Reports reports;
  TimeNs driven_to = 0;
  explicit DecodeWorld(const DecodeSetup& setup = DecodeSetup{})
      : tree(setup.block_tokens), engine(config(setup), &tree) {}

  EngineConfig config(const DecodeSetup& setup) const {
    EngineConfig result;
    result.truth = &truth;
    result.kv_capacity_tokens = setup.capacity_tokens;
    result.decode_batch_max = setup.batch_max;
    result.jitter_sd = setup.jitter_sd;
    result.random = Random(setup.seed);
    return result;
  }
  DecodeRequest request(uint64_t id, int64_t prompt, int64_t output, int64_t priority = 0) {
    return DecodeRequest{id, tree.add(kNoContent, 0, prompt + output), prompt, output, priority};
  }
  bool reserve(TimeNs now, const DecodeRequest& wanted) {
    before(now);
    return engine.reserve(now, wanted, true).has_value();
  }
  // The KV arrives the moment it is reserved.
  void place(TimeNs now, uint64_t id, int64_t prompt, int64_t output, int64_t priority = 0) {
    if (reserve(now, request(id, prompt, output, priority))) engine.submit(now, id);
  }
  // Everything earlier than `now`, so that what is handed over at one instant stays together.
  void before(TimeNs now) {
    if (now - 1 > driven_to) advance_to(now - 1);
  }
  void advance_to(TimeNs now) {
    while (engine.next_event() <= now) engine.advance(engine.next_event(), reports);
    engine.advance(now, reports);
    driven_to = now;
  }
  void run() {
    while (engine.next_event() != kNever) engine.advance(engine.next_event(), reports);
  }
  TimeNs time_of(ReportKind kind, uint64_t id) const {
    for (const Report& report : reports) {
      if (report.kind == kind && report.id == id) return report.time;
    }
    return -1;
  }
  TimeNs finish_of(uint64_t id) const { return time_of(ReportKind::kDecodeFinished, id); }
  TimeNs first_token_of(uint64_t id) const { return time_of(ReportKind::kFirstToken, id); }
};

}  // namespace hexagent::sim
