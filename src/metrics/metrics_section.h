// MetricsSection: OpenMetrics families that a part of the shell adds to those of the statistics.
#pragma once

#include "metrics/text_writer.h"

namespace hexagent {

class MetricsSection {
 public:
  // Whole families, without the end. On the thread that steps the core.
  virtual void write_metrics(TextWriter* text) const = 0;

 protected:
  ~MetricsSection() = default;
};

}  // namespace hexagent
