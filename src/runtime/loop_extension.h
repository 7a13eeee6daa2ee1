// LoopExtension: something else that lives on the library's own loop thread and sees decisions as
// they are handed out: the controller of KV transfers (src/controller). Its metrics are told with
// the statistics.
#pragma once

#include <uv.h>

#include <cstdint>

#include "hexagent/hexagent.h"
#include "metrics/metrics_section.h"

namespace hexagent {

class LoopExtension : public MetricsSection {
 public:
  virtual ~LoopExtension() = default;

  // Adds its handles to the loop, before the thread runs. 0 or errno; after a failure close()
  // follows. May throw std::bad_alloc.
  virtual int open(uv_loop_t* loop) = 0;

  // Closes its handles; the loop ends when they are closed. At most once.
  virtual void close() noexcept = 0;

  // These go to the consumer, in this order, each once.
  virtual void on_decisions(const hexagent_decision* decisions, uint32_t count) noexcept = 0;
};

}  // namespace hexagent
