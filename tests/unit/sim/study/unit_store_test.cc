// Tests of records on disk: what is written reads back, what is damaged counts as missing.
#include "sim/study/unit_store.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../caught_error.h"
#include "made_run.h"
#include "sim/study/record_file.h"

namespace {

using namespace hexagent::sim;  // NOLINT: three small headers
namespace fs = std::filesystem;

RunResult sample_run() {
  RunResult run = made_run("llf/speed-scaled/window@llf_scale=2", 101,
                           {1.25, std::numeric_limits<double>::infinity(), 3.0 + 1.0 / 3.0});
  run.class_names = {"plain", "with,comma"};
  run.utilisation = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6};
  run.prefix_hit_rate = 0.7;
  run.extrapolated_share = 0.01;
  run.unfinished = 1;
  run.preemptions = 2;
  run.decision_hash = 18446744073709551615u;
  run.simulated_s = 123.5;
  run.planner_us_p50 = 1.5;
  run.planner_us_p99 = 2.5;
  run.wall_s = 0.25;
  run.workflows.front().measured = true;
  WorkflowRecord warmup;
  warmup.horizon_s = 1.0;
  run.workflows.push_back(warmup);
  return run;
}

void a_record_reads_back_as_itself(void**) {
  const std::string text = record_text(sample_run());
  const RunResult back = parse_record(text, "r");
  const bool same = record_text(back) == text;
  const bool whole = back.workflows.size() == 3 && back.unfinished == 1 && back.preemptions == 2 &&
                     back.utilisation.kv_decode == 0.6 && back.wall_s == 0.25 &&
                     back.decision_hash == 18446744073709551615u;
  const bool infinite = std::isinf(back.workflows[1].completion_s);
  const bool renamed = back.class_names[1] == "with_comma";
  assert_true(same);
  assert_true(whole);
  assert_true(infinite);
  assert_true(renamed);
}

bool refuses(const std::string& text) {
  return catch_input_error([&text] { parse_record(text, "r"); }).thrown;
}

void a_record_cut_anywhere_is_refused(void**) {
  const std::string text = record_text(sample_run());
  size_t refused = 0;
  for (size_t cut = 0; cut < text.size(); ++cut) refused += refuses(text.substr(0, cut)) ? 1 : 0;
  assert_int_equal(refused, text.size());
  assert_true(refuses(text + "x"));
  assert_true(refuses(text + "\n"));
}

bool refuses_change(const char* from, const char* to) {
  std::string text = record_text(sample_run());
  const size_t at = text.find(from);
  if (at == std::string::npos) return false;
  return refuses(text.replace(at, std::string(from).size(), to));
}

void a_record_with_other_content_is_refused(void**) {
  assert_true(refuses_change("record 1", "record 2"));
  assert_true(refuses_change("# seed", "# sede"));
  assert_true(refuses_change("# seed 101\n", ""));
  assert_true(refuses_change("# seed 101", "# seed -1"));
  assert_true(refuses_change("# seed 101", "# seed 99999999999999999999"));
  assert_true(refuses_change("10,plain,0.0", "10,plain,x"));
  assert_true(refuses_change("10,plain,", "10,plain,1,"));
  assert_true(refuses_change(",2.000000000,", ",0,"));
}

struct OnDisk {
  bool missing_before = false;
  bool found = false;
  bool same_file = false;
  bool cut_is_missing = false;
  bool other_seed_is_missing = false;
  bool no_parts_left = true;
};

std::string bytes_of(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

OnDisk on_disk() {
  std::string folder = (fs::temp_directory_path() / "hexagent_units_XXXXXX").string();
  if (mkdtemp(folder.data()) == nullptr) return {};
  const UnitStore store(folder);
  const RunResult run = sample_run();
  const Unit unit = {"cell", run.policy, run.seed};
  OnDisk result;
  RunResult back;
  result.missing_before = !store.load(unit, &back);
  store.save(unit, run);
  result.found = store.load(unit, &back) && record_text(back) == record_text(run);
  const std::string first = bytes_of(store.path(unit));
  store.save(unit, run);
  result.same_file = bytes_of(store.path(unit)) == first && !first.empty();
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.path().extension() == ".part") result.no_parts_left = false;
  }
  const Unit other = {"cell", run.policy, 102};
  fs::copy(store.path(unit), store.path(other));
  result.other_seed_is_missing = !store.load(other, &back);
  fs::resize_file(store.path(unit), first.size() / 2);
  result.cut_is_missing = !store.load(unit, &back);
  fs::remove_all(folder);
  return result;
}

void a_unit_is_there_in_full_or_not_at_all(void**) {
  const OnDisk result = on_disk();
  assert_true(result.missing_before);
  assert_true(result.found);
  assert_true(result.same_file);
  assert_true(result.no_parts_left);
  assert_true(result.other_seed_is_missing);
  assert_true(result.cut_is_missing);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_record_reads_back_as_itself),
      cmocka_unit_test(a_record_cut_anywhere_is_refused),
      cmocka_unit_test(a_record_with_other_content_is_refused),
      cmocka_unit_test(a_unit_is_there_in_full_or_not_at_all),
  };
  return cmocka_run_group_tests_name("unit store", tests, nullptr, nullptr);
}
