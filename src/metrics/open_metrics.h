// OpenMetrics text of a scheduler's statistics, for hexagent_metrics_write().
//
// Names are `hexagent_<what>_<unit>`, counters end in `_total`, no labels but quantiles: what
// identifies a caller's workflows or tenants does not belong into metrics. Tests:
// tests/unit/metrics/open_metrics_test.cc, tests/abi/metrics_test.c.
#pragma once

#include "hexagent/hexagent.h"
#include "metrics/text_writer.h"

namespace hexagent {

// `shadow` is null outside shadow mode.
void write_open_metrics(const hexagent_stats& stats, const hexagent_shadow_info* shadow,
                        TextWriter* text);

}  // namespace hexagent
