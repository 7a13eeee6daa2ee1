// What engines and links tell the driver. Times are exact virtual times of the moment itself, even
// when the driver collects the report later.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/engine/sim_time.h"

namespace hexagent::sim {

enum class ReportKind : uint8_t {
  kPrefillStarted,    // first iteration that holds the request begins; cached_tokens = prefix hit
  kPrefillProgress,   // an iteration begins that holds the request; from engines that are asked to
  kPrefillFinished,   // prompt KV complete and pinned; start = when the prefill started
  kKvReserved,        // a reservation that had to wait was granted; cached_tokens = already there
  kFirstToken,        // end of the first decode iteration; start = when decoding started
  kDecodeFinished,    // end of the last decode iteration; start = when decoding first started
  kPreempted,         // KV dropped; computed_tokens = output tokens generated so far
  kTransferStarted,   // a held flow begins
  kTransferFinished,  // last byte arrived; start = when the flow was started
};

struct Report {
  ReportKind kind = ReportKind::kPrefillStarted;
  uint64_t id = 0;
  TimeNs time = 0;
  TimeNs start = 0;
  int64_t cached_tokens = 0;
  int64_t computed_tokens =
      0;  // prefill: prompt tokens computed here; decode: output tokens so far
};

using Reports = std::vector<Report>;

}  // namespace hexagent::sim
