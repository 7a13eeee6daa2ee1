// DecodeLoad: the decode batch of a worker as the scheduler sees it, and how fast it runs.
//
// Besides the batch it keeps a *decode clock*: the number of iterations the worker would have done
// so far by our model. The difference between two readings is how many tokens a sequence should
// have got meanwhile under a changing batch, in O(1); set against the tokens it really got, it
// calibrates the worker. Tests: tests/unit/core/cluster/decode_load_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

#include "core/base/time.h"
#include "core/model/profile.h"

namespace hexagent {

struct DecodeEngine {
  TimeModel model;
  double batch_max = 256.0;
  double factor = 1.0;  // learned: real over predicted
};

struct DecodeLoad {
  double sequences = 0.0;           // decoding
  double context = 0.0;             // their tokens, half of the expected output included
  double promised_sequences = 0.0;  // on their way: prefill dispatched or KV in transfer
  double promised_context = 0.0;
  double weight = 0.0;  // of all of these: how much a second of delay matters to them
  double clock_iterations = 0.0;
  TimeNs clock_time = 0;

  // Brings the decode clock to `now`; call before `sequences` or `context` change.
  void run_clock(const DecodeEngine& engine, TimeNs now) {
    if (now > clock_time && sequences > 0.5) {
      const double iteration_s = engine.model.decode_iteration_s(sequences, context);
      clock_iterations += to_s(now - clock_time) / iteration_s;  // by the uncalibrated model
    }
    clock_time = std::max(clock_time, now);
  }

  // One iteration with as many as the batch takes of those promised and `sequences_more` besides.
  double iteration_s(const DecodeEngine& engine, double sequences_more, double context_more) const {
    const double all = sequences + promised_sequences + sequences_more;
    const double all_context = context + promised_context + context_more;
    if (all <= engine.batch_max) {
      return engine.factor * engine.model.decode_iteration_s(all, all_context);
    }
    return engine.factor * engine.model.decode_iteration_s(engine.batch_max,
                                                           all_context * (engine.batch_max / all));
  }

  // From joining to the last token. Who finds the batch full waits for a place: its batch_max
  // sequences leave in about a decode time, so the k-th behind them waits k / batch_max of one.
  double own_s(const DecodeEngine& engine, double prompt_tokens, double output_tokens) const {
    const double decode_s =
        output_tokens * iteration_s(engine, 1.0, prompt_tokens + 0.5 * output_tokens);
    const double all = sequences + promised_sequences + 1.0;
    return all <= engine.batch_max ? decode_s : decode_s * (all / engine.batch_max);
  }

  // Delay that a joining call causes to everyone else, in seconds of its own: each second is
  // counted by how much it matters to whom it hits, over how much it matters to the call
  // (`own_weight`).
  double impact_s(const DecodeEngine& engine, double prompt_tokens, double output_tokens,
                  double own_weight) const {
    const double more =
        engine.model.decode_per_sequence +
        engine.model.decode_per_context_token * (prompt_tokens + 0.5 * output_tokens);
    return weight / own_weight * engine.factor * more * output_tokens;
  }
};

// Bytes on their way through one direction of a worker's network interface.
struct LinkLoad {
  double bytes = 0.0;
  double flows = 0.0;
};

}  // namespace hexagent
