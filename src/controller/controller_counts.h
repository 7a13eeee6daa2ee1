// What a controller has counted since it began to listen, and its OpenMetrics text. Whatever is
// counted by status has a row for each that is to be expected and one for all others, so that what
// an engine says cannot make more. Tests: tests/unit/controller/controller_metrics_test.cc,
// tests/abi/transfer_test.c.
#pragma once

#include <array>
#include <cstdint>

#include "hexagent/hexagent.h"
#include "metrics/text_writer.h"

namespace hexagent::controller {

struct StatusCount {
  hexagent_status status;
  uint64_t count = 0;
};

inline constexpr hexagent_status kOtherStatus = INT32_MIN;  // the last row

struct ControllerCounts {
  // Callers that were not let in.
  std::array<StatusCount, 6> refused = {{{HEXAGENT_E_SECRET},
                                         {HEXAGENT_E_VERSION},
                                         {HEXAGENT_E_STALE},
                                         {HEXAGENT_E_FULL},
                                         {HEXAGENT_E_TIMEOUT},
                                         {kOtherStatus}}};
  // Connections that had been let in.
  std::array<StatusCount, 5> lost = {{{HEXAGENT_E_PEER},
                                      {HEXAGENT_E_TIMEOUT},
                                      {HEXAGENT_E_DAMAGED},
                                      {HEXAGENT_E_NO_MEMORY},
                                      {kOtherStatus}}};
  std::array<StatusCount, 12> ended = {{{HEXAGENT_OK},
                                        {HEXAGENT_E_CANCELLED},
                                        {HEXAGENT_E_PEER},
                                        {HEXAGENT_E_TIMEOUT},
                                        {HEXAGENT_E_FULL},
                                        {HEXAGENT_E_NO_MEMORY},
                                        {HEXAGENT_E_RANGE},
                                        {HEXAGENT_E_DUPLICATE},
                                        {HEXAGENT_E_STALE},
                                        {HEXAGENT_E_UNSUPPORTED},
                                        {HEXAGENT_E_DAMAGED},
                                        {kOtherStatus}}};
  uint64_t ended_bytes = 0;     // that had arrived by the end
  uint64_t quiesce_waits = 0;   // sides that have quiesced after the end, however
  int64_t quiesce_wait_ns = 0;  // of all these together
  uint64_t relayed_messages = 0;
  uint64_t relayed_bytes = 0;

  // Of the moment.
  uint64_t endpoints_connected = 0;
  uint64_t transfers_live = 0;       // not quiesced at both ends
  uint64_t transfers_quiescing = 0;  // of these, ended
};

template <size_t Count>
void count_status(hexagent_status status, std::array<StatusCount, Count>* rows) {
  for (StatusCount& row : *rows) {
    if (row.status != status && row.status != kOtherStatus) continue;
    ++row.count;
    return;
  }
}

void write_controller_metrics(const ControllerCounts& counts, TextWriter* text);

}  // namespace hexagent::controller
