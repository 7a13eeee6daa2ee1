// OpenMetrics text of a scheduler's statistics, for hexagent_metrics_write().
//
// Names are `hexagent_<what>_<unit>`, counters end in `_total`, there are no labels: what
// identifies a caller's workflows or tenants does not belong into metrics. Tests:
// tests/unit/metrics/open_metrics_test.cc, tests/abi/metrics_test.c.
#pragma once

#include "hexagent/hexagent.h"
#include "metrics/text_writer.h"

namespace hexagent {

void write_open_metrics(const hexagent_stats& stats, TextWriter* text);

}  // namespace hexagent
