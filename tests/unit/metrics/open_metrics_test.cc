// OpenMetrics text: every number of the statistics is told, in the format's own grammar.
#include "metrics/open_metrics.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

std::string render(const hexagent_stats& stats, const hexagent_shadow_info* shadow = nullptr) {
  std::string text(16384, '\0');
  hexagent::TextWriter writer(text.data(), text.size());
  hexagent::write_open_metrics(stats, shadow, {}, nullptr, &writer);
  if (!writer.complete()) return {};
  text.resize(writer.needed() - 1);
  return text;
}

bool contains(const hexagent_stats& stats, std::string_view line) {
  return render(stats).find(line) != std::string::npos;
}

void counters_and_gauges_have_help_and_type(void**) {
  hexagent_stats stats = {};
  stats.calls_done = 17;
  stats.workers = 3;
  stats.transfer_bytes = 5000;
  assert_true(contains(stats,
                       "# HELP hexagent_calls_done Calls that ended well.\n"
                       "# TYPE hexagent_calls_done counter\n"
                       "hexagent_calls_done_total 17\n"));
  assert_true(contains(stats, "# TYPE hexagent_workers gauge\nhexagent_workers 3\n"));
  assert_true(contains(stats,
                       "# UNIT hexagent_transfer_bytes bytes\n"
                       "hexagent_transfer_bytes_total 5000\n"));
}

bool ends_in_eof() {
  const std::string text = render({});
  const std::string_view end = "# EOF\n";
  return text.size() > end.size() && text.substr(text.size() - end.size()) == end;
}

void the_text_ends_with_eof(void**) { assert_true(ends_in_eof()); }

// Gives each field its own value; each must turn up once.
bool tells_all() {
  hexagent_stats stats = {};
  const size_t count = (sizeof(stats) - 8) / sizeof(uint64_t);
  auto* values = reinterpret_cast<unsigned char*>(&stats) + 8;
  for (size_t i = 0; i < count; ++i) {
    const uint64_t value = 900000 + i;
    std::memcpy(values + i * sizeof(value), &value, sizeof(value));
  }
  const std::string text = render(stats);
  for (size_t i = 0; i < count; ++i) {
    const std::string value = " " + std::to_string(900000 + i) + "\n";
    const size_t first = text.find(value);
    if (first == std::string::npos || text.find(value, first + 1) != std::string::npos)
      return false;
  }
  return true;
}

void every_statistic_is_told_once(void**) { assert_true(tells_all()); }

bool tells_regret() {
  hexagent_shadow_info shadow = {};
  shadow.calls_placed = 12;
  shadow.ours_predicted_s = 1.5;
  shadow.regret_p90_s = 0.25;
  const std::string text = render({}, &shadow);
  return text.find("hexagent_shadow_calls_placed_total 12\n") != std::string::npos &&
         text.find("hexagent_shadow_ours_predicted_seconds_total 1.5\n") != std::string::npos &&
         text.find("hexagent_shadow_regret_seconds{quantile=\"0.9\"} 0.25\n") !=
             std::string::npos &&
         text.substr(text.size() - 6) == "# EOF\n" &&
         render({}).find("shadow") == std::string::npos;
}

void regret_is_told_in_shadow_mode_only(void**) { assert_true(tells_regret()); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(counters_and_gauges_have_help_and_type),
      cmocka_unit_test(the_text_ends_with_eof),
      cmocka_unit_test(every_statistic_is_told_once),
      cmocka_unit_test(regret_is_told_in_shadow_mode_only),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
