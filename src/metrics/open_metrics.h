// OpenMetrics text of a scheduler's statistics, for hexagent_metrics_write().
//
// Names are `hexagent_<what>_<unit>`, counters end in `_total`, no labels but quantiles, statuses
// and the two workers of a link: what identifies a caller's workflows or tenants does not belong
// into metrics. Tests:
// tests/unit/metrics/open_metrics_test.cc, tests/abi/metrics_test.c.
#pragma once

#include <cstdint>
#include <vector>

#include "hexagent/hexagent.h"
#include "metrics/metrics_section.h"
#include "metrics/text_writer.h"

namespace hexagent {

// One pair of workers whose link was measured; so many are shown at most.
inline constexpr uint32_t kLinkRowsMax = 256;
struct LinkRow {
  uint32_t source;
  uint32_t target;
  hexagent_link_info info;
};

// `shadow` is null outside shadow mode, `more` where no part has families of its own.
void write_open_metrics(const hexagent_stats& stats, const hexagent_shadow_info* shadow,
                        const std::vector<LinkRow>& links, const MetricsSection* more,
                        TextWriter* text);

}  // namespace hexagent
