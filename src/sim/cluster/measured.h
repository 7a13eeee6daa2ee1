// The simulator's truth: measured times of one (gpu, model, tensor parallelism), interpolated.
// Grid points come out exactly as measured. Beyond a table's range, and where it has no row, the
// fitted form is used, scaled so that it meets the table at its edge; such look-ups are counted.
// The hidden worker factor and the jitter are the engine's.
// Tests: tests/unit/sim/cluster/measured_test.cc
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "sim/cluster/fitted.h"
#include "sim/engine/truth_times.h"

namespace hexagent::sim {

struct PrefillRow {
  int64_t new_tokens = 0;  // per request
  int64_t cached_tokens = 0;
  int64_t batch = 0;
  double total_s = 0.0;
  double attention_s = 0.0;  // part of the total
};

struct DecodeRow {
  int64_t context_tokens = 0;  // per request
  int64_t batch = 0;
  double total_s = 0.0;
  double attention_s = 0.0;
};

struct MeasuredRows {
  std::vector<PrefillRow> prefill;
  std::vector<DecodeRow> decode;
};

struct MeasuredGrids;

using MeasuredTables = std::map<ProfileKey, MeasuredRows>;

// Reads prefill.csv and decode.csv. Throws InputError.
MeasuredTables load_measured_tables(const std::string& prefill_path,
                                    const std::string& decode_path);

// Look-ups of one kind, and those beyond the table.
struct LookupCount {
  int64_t lookups = 0;
  int64_t extrapolated = 0;
};

struct LookupCounts {
  LookupCount prefill_linear;     // one a prefill iteration
  LookupCount prefill_attention;  // one a request and iteration
  LookupCount decode_linear;      // one a decode iteration
  LookupCount decode_attention;   // one a decode iteration
};

// Copies share the tables and count for themselves: take one a simulation, since counting makes
// even look-ups unsafe to share between threads.
class MeasuredProfile final : public TruthTimes {
 public:
  // `rows` may lack prefill or decode rows: that phase is the fitted form throughout.
  MeasuredProfile(const MeasuredRows& rows, const FittedProfile& fitted);

  double prefill_linear_s(int64_t new_tokens) const override;
  double prefill_attention_s(int64_t new_tokens, int64_t cached_tokens) const override;
  double decode_linear_s(int32_t batch) const override;
  double decode_attention_s(int32_t batch, int64_t context_sum) const override;

  const LookupCounts& counts() const { return counts_; }
  const FittedProfile& fitted() const;

 private:
  std::shared_ptr<const MeasuredGrids> grids_;
  mutable LookupCounts counts_;
};

}  // namespace hexagent::sim
