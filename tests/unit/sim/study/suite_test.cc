// Tests of suite files: what a cell is after the defaults, which policies run where, and that each
// kind of mistake is named with file, cell and field.
#include "sim/study/suite.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../caught_error.h"

namespace {

using hexagent::sim::catch_input_error;
using hexagent::sim::CaughtError;
using hexagent::sim::find_suite_file;
using hexagent::sim::LengthKnowledge;
using hexagent::sim::load_suite;
using hexagent::sim::parse_suite;
using hexagent::sim::policies_of;
using hexagent::sim::Suite;
using hexagent::sim::SuiteCell;

const char* const kGood = R"({
  "suite": "s", "about": "a", "not_covered": ["n"],
  "policies": {
    "subject": "default",
    "groups": [{"name": "g", "about": "a", "policies": ["hexagent", "fcfs"]},
               {"name": "h", "about": "a", "policies": ["fcfs", "llf@llf_scale=2"]}],
    "ablations": [{"name": "n", "policy": "default@price_work=0"}]
  },
  "defaults": {"traces": ["multiagent_captain"], "cluster": "small", "model": "llama-3.1-70b",
               "load": 0.5, "workflows": 7, "seeds": {"first": 101, "count": 2}, "groups": ["g"]},
  "cells": [
    {"name": "one", "why": "w"},
    {"name": "two", "why": "w", "drain": 2, "groups": ["g", "h", "ablation"], "workflows": 9,
     "tuning_seeds": {"first": 1, "count": 3}, "arrivals": "gamma:2", "closed_loop": true,
     "sampled_gaps": true, "lengths": "biased:2", "model_error": 0.3, "learns_online": true,
     "give_up_stretch": 5, "settings": {"calibration": "0"}, "cluster_lines": ["kv_share 0.5"]},
    {"name": "three", "why": "w", "lost_worker": {"worker": 1, "at": 0.5, "down": 0.25}}
  ]
})";

std::string joined(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += (all.empty() ? "" : ",") + text;
  return all;
}

// What was read, flattened for assertions.
struct Flat {
  size_t cells = 0;
  bool first_has_defaults = false;
  bool second_has_its_own = false;
  bool third_loses = false;
  char policies_one[80] = {};
  char policies_two[120] = {};
  char tuning_two[80] = {};
};

Flat flatten() {
  const Suite suite = parse_suite(kGood, "dir/s.json");
  Flat flat;
  flat.cells = suite.cells.size();
  const SuiteCell& one = suite.cells[0];
  flat.first_has_defaults = one.request.load == 0.5 && one.request.workflows == 7 &&
                            one.seeds == std::vector<uint64_t>{101, 102} &&
                            one.tuning_seeds.empty() && one.request.drain_factor == 0.0 &&
                            one.request.traces[0].ends_with("/traces/multiagent_captain.jsonl.gz");
  const SuiteCell& two = suite.cells[1];
  flat.second_has_its_own =
      two.request.drain_factor == 2.0 && two.request.load == 0.5 && two.request.workflows == 9 &&
      two.request.closed_loop && two.request.sampled_gaps && two.request.arrivals == "gamma:2" &&
      two.request.knowledge.lengths.kind == LengthKnowledge::Kind::kBiased &&
      two.request.knowledge.model_error == 0.3 && two.request.knowledge.learns_online &&
      two.request.give_up_stretch == 5.0 && two.request.settings.size() == 1 &&
      two.request.cluster_lines.size() == 1 && two.tuning_seeds.size() == 3;
  const SuiteCell& three = suite.cells[2];
  flat.third_loses = three.request.lost_worker && three.request.lost_worker->worker == 1 &&
                     three.request.lost_worker->down == 0.25;
  std::snprintf(flat.policies_one, sizeof flat.policies_one, "%s",
                joined(policies_of(suite, one, false)).c_str());
  std::snprintf(flat.policies_two, sizeof flat.policies_two, "%s",
                joined(policies_of(suite, two, false)).c_str());
  std::snprintf(flat.tuning_two, sizeof flat.tuning_two, "%s",
                joined(policies_of(suite, two, true)).c_str());
  return flat;
}

void a_cell_is_the_defaults_with_its_own_fields_over_them(void**) {
  const Flat flat = flatten();
  assert_int_equal(flat.cells, 3);
  assert_true(flat.first_has_defaults);
  assert_true(flat.second_has_its_own);
  assert_true(flat.third_loses);
}

void a_cell_runs_the_policies_of_its_groups_once_each(void**) {
  const Flat flat = flatten();
  assert_string_equal(flat.policies_one, "default,hexagent,fcfs");
  assert_string_equal(flat.policies_two,
                      "default,hexagent,fcfs,llf@llf_scale=2,default@price_work=0");
  assert_string_equal(flat.tuning_two, "hexagent,fcfs,llf@llf_scale=2");
}

// The error of the good suite with one text in it replaced.
CaughtError error_with(const char* from, const char* to) {
  std::string text = kGood;
  const size_t at = text.find(from);
  if (at == std::string::npos) return {};
  text.replace(at, std::strlen(from), to);
  return catch_input_error([&text] { parse_suite(text, "dir/s.json"); });
}

void assert_error(const CaughtError& error, const char* field, const char* message) {
  assert_true(error.thrown);
  assert_int_equal(std::strncmp(error.what, "dir/s.json: ", 12), 0);
  assert_string_equal(error.field, field);
  if (std::strstr(error.message, message) == nullptr) fail_msg("%s", error.message);
}

void mistakes_in_a_cell_name_file_cell_and_field(void**) {
  const char* one = "{\"name\": \"one\", \"why\": \"w\"}";
  assert_error(error_with(one, "{\"name\": \"one\"}"), "cells[0] (one).why", "is missing");
  assert_error(error_with(one, "{\"why\": \"w\"}"), "cells[0].name", "is missing");
  assert_error(error_with(one, "7"), "cells[0]", "must be an object");
  assert_error(error_with("\"name\": \"one\"", "\"name\": \"a/b\""), "cells[0].name", "letters");
  assert_error(error_with("\"name\": \"two\"", "\"name\": \"one\""), "cells[1] (one).name",
               "is taken");
  assert_error(error_with("\"closed_loop\": true", "\"closed_loop\": 1"),
               "cells[1] (two).closed_loop", "true or false");
  assert_error(error_with("\"give_up_stretch\"", "\"give_up_strech\""),
               "cells[1] (two).give_up_strech", "no key");
  assert_error(error_with("\"drain\": 2", "\"drain\": -2"), "cells[1] (two).drain", "range");
  assert_error(error_with("\"why\": \"w\"}", "\"why\": \"w\", \"warmup_load\": 1}"),
               "cells[0] (one).warmup_load", "no key");
  assert_error(error_with("\"drain\": 2", "\"drain\": \"2\""), "cells[1] (two).drain", "a number");
  assert_error(error_with("\"drain\": 2", "\"drain\": 2, \"load\": 1"), "cells[1] (two).load",
               "not both");
  assert_error(error_with("\"first\": 1,", "\"first\": 100,"), "cells[1] (two).tuning_seeds",
               "overlap");
  assert_error(error_with("\"first\": 1,", "\"first\": 1.5,"), "cells[1] (two).tuning_seeds.first",
               "integer");
  assert_error(error_with("\"worker\": 1", "\"wroker\": 1"), "cells[2] (three).lost_worker.worker",
               "is missing");
  assert_error(error_with("[\"g\", \"h\"", "[\"g\", \"i\""), "cells[1] (two).groups",
               "no group is named i");
  assert_error(error_with("biased:2", "biased:x"), "cells[1] (two)", "lengths: biased:x");
}

void mistakes_in_the_whole_name_the_field(void**) {
  assert_error(error_with("\"about\": \"a\", \"not", "\"not"), "about", "is missing");
  assert_error(error_with("\"suite\": \"s\",", "\"suite\": \"s\", \"x\": 1,"), "x", "no key");
  assert_error(error_with("\"hexagent\", ", "\"hexagnet\", "), "policies.groups[0].policies",
               "hexagnet");
  assert_error(error_with("price_work=0", "price_work"), "policies.ablations[0].policy",
               "not key=value");
  assert_error(error_with("\"name\": \"h\"", "\"name\": \"g\""), "policies.groups[1].name",
               "is taken");
  assert_error(error_with("[\"multiagent_captain\"]", "[]"), "cells[0] (one).traces",
               "names no trace");
  assert_error(error_with("\"multiagent_captain\"", "\"multiagent\""), "cells[0] (one)",
               "traces/multiagent.jsonl.gz");
}

CaughtError error_of_text(const char* text) {
  return catch_input_error([text] { parse_suite(text, "dir/s.json"); });
}

void what_is_no_suite_is_refused(void**) {
  assert_error(error_of_text("{"), "", "is not valid JSON");
  assert_error(error_of_text("{\"suite\": 1e999}"), "", "is not valid JSON");
  assert_error(error_of_text("[]"), "", "must be an object");
  assert_error(error_of_text(""), "", "is not valid JSON");
  for (size_t cut = 0; cut + 1 < std::strlen(kGood); ++cut) {
    assert_true(error_of_text(std::string(kGood, cut).c_str()).thrown);
  }
}

size_t cells_of_shipped(const char* name) { return load_suite(find_suite_file(name)).cells.size(); }

void shipped_suites_are_good(void**) {
  for (const char* name : {"smoke", "full", "ablation"}) assert_true(cells_of_shipped(name) > 0);
  assert_int_equal(cells_of_shipped("paper"), 16);
  assert_true(catch_input_error([] { find_suite_file("papre"); }).thrown);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_cell_is_the_defaults_with_its_own_fields_over_them),
      cmocka_unit_test(a_cell_runs_the_policies_of_its_groups_once_each),
      cmocka_unit_test(mistakes_in_a_cell_name_file_cell_and_field),
      cmocka_unit_test(mistakes_in_the_whole_name_the_field),
      cmocka_unit_test(what_is_no_suite_is_refused),
      cmocka_unit_test(shipped_suites_are_good),
  };
  return cmocka_run_group_tests_name("suite", tests, nullptr, nullptr);
}
