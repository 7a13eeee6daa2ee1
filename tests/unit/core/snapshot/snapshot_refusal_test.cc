// What a core refuses in a snapshot, one kind after another, and that it says where.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/workflow/workflow.h"
#include "crash/changed_snapshot.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

constexpr uint64_t kNotANumber = 0x7ff8000000000000u;
constexpr uint64_t kInfinity = 0x7ff0000000000000u;
constexpr uint64_t kMinusOne = 0xbff0000000000000u;  // -1.0
constexpr uint64_t kNone = 0xffffffffu;

// Snapshots to change, by hand.
class Sheet {
 public:
  explicit Sheet(const SnapshotSections& sections) : sections_(sections) {}

  SnapshotSections& sections() { return sections_; }
  SnapshotSection& section(const std::string& name) {
    for (SnapshotSection& section : sections_) {
      if (section.name == name) return section;
    }
    return sections_.emplace_back();
  }
  SnapshotColumn& column(const std::string& name, const std::string& column) {
    for (SnapshotColumn& each : section(name).columns) {
      if (each.name == column) return each;
    }
    return section(name).columns.emplace_back();
  }
  uint64_t get(const std::string& name, const std::string& field, uint32_t row) {
    return column(name, field).at(row);
  }
  void set(const std::string& name, const std::string& field, uint32_t row, uint64_t value) {
    SnapshotColumn& wanted = column(name, field);
    wanted.values.resize(std::max<size_t>(section(name).rows, 1), wanted.values[0]);
    wanted.values[row] = value;
  }
  // The first row in which a column has this value; the last one if none has.
  uint32_t row_with(const std::string& name, const std::string& field, uint64_t value) {
    uint32_t row = 0;
    while (row + 1 < section(name).rows && get(name, field, row) != value) ++row;
    return row;
  }

 private:
  SnapshotSections sections_;
};

struct Case {
  const char* expected;  // the start of what is said
  std::function<void(Sheet*)> change;
};

// One value of one column.
Case value(const char* expected, const char* section, const char* column, uint32_t row,
           uint64_t value) {
  return {expected, [=](Sheet* sheet) { sheet->set(section, column, row, value); }};
}

// A row is the same as another one.
Case twin(const char* expected, const char* section, const char* column) {
  return {expected,
          [=](Sheet* sheet) { sheet->set(section, column, 1, sheet->get(section, column, 0)); }};
}

// Layers of the first model, and of the one with so much higher a name.
Case layers(const char* expected, uint64_t higher, uint64_t count) {
  return {expected, [=](Sheet* sheet) {
            const uint64_t model = sheet->get("models", "model", 0);
            sheet->sections().push_back(
                {"model_layers", 2, {{"model", {model, model + higher}}, {"layers", {count}}}});
          }};
}

// The call in the first row of this state gets another value.
Case of_state(const char* expected, CallState state, const char* column, uint64_t value) {
  return {expected, [=](Sheet* sheet) {
            const uint32_t row = sheet->row_with("calls", "state", static_cast<uint64_t>(state));
            sheet->set("calls", column, row, value);
          }};
}

// The last of them: others may wait for an earlier one, and would then wait for nothing.
void end_a_waiting_call(Sheet* sheet) {
  uint32_t row = sheet->section("calls").rows - 1;
  const auto waiting = static_cast<uint64_t>(CallState::kWaiting);
  while (row > 0 && sheet->get("calls", "state", row) != waiting) --row;
  sheet->set("calls", "state", row, static_cast<uint64_t>(CallState::kDone));
}

// The same, with another state; a call that has ended lends no content to one that has not.
Case another_state(const char* expected, CallState state, CallState other) {
  return {expected, [=](Sheet* sheet) {
            const uint32_t row = sheet->row_with("calls", "state", static_cast<uint64_t>(state));
            sheet->set("calls", "state", row, static_cast<uint64_t>(other));
            sheet->set("calls", "content", row, kNone);
            sheet->set("calls", "prefill_worker", row, 0);
            sheet->set("calls", "decode_worker", row, 0);
          }};
}

std::vector<Case> shapes() {
  return {
      {"section calls: is missing", [](Sheet* sheet) { sheet->section("calls").name = "call"; }},
      {"section more is not known here",
       [](Sheet* sheet) {
         sheet->sections().push_back({"more", 0, {}});
       }},
      {"section ???",
       [](Sheet* sheet) {
         sheet->sections().push_back({"\n\x1b\x80" + std::string(1000, 'x'), 0, {}});
       }},
      {"section calls, column stage, row 0: is missing",
       [](Sheet* sheet) { sheet->column("calls", "stage").name = "stages"; }},
      {"section workers, column shoes, row 0: is not a column known here",
       [](Sheet* sheet) {
         sheet->section("workers").columns.push_back({"shoes", {7}});
       }},
      {"section workers, column worker: 3 values for 8 rows",
       [](Sheet* sheet) {
         sheet->column("workers", "worker").values = {1, 2, 3};
       }},
      {"section workers: 13 rows, at most 12 can be",
       [](Sheet* sheet) { sheet->section("workers").rows = 13; }},
      {"section scheduler: has no row",
       [](Sheet* sheet) {
         sheet->section("scheduler") = {"scheduler", 0, {}};
       }},
      {"section links: columns without rows",
       [](Sheet* sheet) { sheet->section("links").rows = 0; }},
      {"section profiles: has rows without values",
       [](Sheet* sheet) {
         sheet->section("profiles").rows = 4'000'000'000;
         for (SnapshotColumn& column : sheet->section("profiles").columns) {
           column.values.resize(1);
         }
       }},
  };
}

std::vector<Case> single_numbers() {
  return {
      value("section settings, column calls_max: is not as it was", "settings", "calls_max", 0,
            std::bit_cast<uint64_t>(97.0)),
      value("section settings, column window_s: not a number", "settings", "window_s", 0,
            kMinusOne),
      value("section policy, column letter", "policy", "letter", 0, 'x'),
      value("section scheduler, column now: -1 is not", "scheduler", "now", 0, ~0ULL),
      value("section scheduler, column plan_needed: 2 is not 0 to 1", "scheduler", "plan_needed", 0,
            2),
      value("section scheduler, column horizons_mean: not a number", "scheduler", "horizons_mean",
            0, kNotANumber),
      value("section scheduler, column shadow_ours_s: not a number", "scheduler", "shadow_ours_s",
            0, kInfinity),
  };
}

std::vector<Case> cluster() {
  return {
      value("section profiles, column prefill_fixed_s, row 1: not a number", "profiles",
            "prefill_fixed_s", 1, kMinusOne),
      value("section profiles, row 0: a profile of impossible times", "profiles", "gpu", 0, 0),
      {"section profiles: two profiles",
       [](Sheet* sheet) {
         for (const char* key : {"gpu", "model"}) {
           sheet->set("profiles", key, 1, sheet->get("profiles", key, 0));
         }
       }},
      twin("section models, column model: is there twice", "models", "model"),
      layers("section model_layers, column model, row 1: is not among the models", 50, 80),
      layers("section model_layers, column model, row 1: is there twice", 0, 80),
      layers("section model_layers, column layers, row 0: 0 is not 1 to", 1, 0),
      twin("section workers, column worker, row 1: is there twice", "workers", "worker"),
      value("section workers, column model, row 2: is not among the models", "workers", "model", 2,
            60),
      value("section workers, column role, row 0: 4 is not 1 to 3", "workers", "role", 0, 4),
      value("section workers, column state, row 0: 0 is not 1 to 3", "workers", "state", 0, 0),
      value("section workers, column block_tokens, row 0: 0 is not", "workers", "block_tokens", 0,
            0),
      value("section workers, column kv_foreign_blocks, row 0: are more", "workers",
            "kv_foreign_blocks", 0, 100000),
      {"section workers, row 0: a worker of impossible times",
       [](Sheet* sheet) {
         sheet->set("workers", "decode_fixed", 0, 0);
         sheet->set("workers", "decode_per_sequence", 0, 0);
       }},
      value("section workers, column prefill_load_tokens, row 0: not a number", "workers",
            "prefill_load_tokens", 0, kNotANumber),
      value("section workers, column prefill_calibration_octaves, row 1: not a number", "workers",
            "prefill_calibration_octaves", 1, kInfinity),
      value("section workers, column egress_bytes, row 0: are not those", "workers", "egress_bytes",
            0, std::bit_cast<uint64_t>(12345.0)),
      value("section workers, column ingress_bytes, row 2: are not those", "workers",
            "ingress_bytes", 2, std::bit_cast<uint64_t>(12345.0)),
      value("section workers, column prefill_load_longest, row 0: are not those", "workers",
            "prefill_load_longest_3", 0, 77),
      {"section links, column target_domain, row 1: the pair was there",
       [](Sheet* sheet) {
         for (const char* key : {"source_domain", "target_domain"}) {
           sheet->set("links", key, 1, sheet->get("links", key, 0));
         }
       }},
      value("section lengths, column sum, row 0: not a number", "lengths", "sum", 0, kMinusOne),
      {"section lengths, column stage, row 2: was there before",
       [](Sheet* sheet) {
         for (const char* key : {"class_name", "stage"}) {
           sheet->set("lengths", key, 2, sheet->get("lengths", key, 1));
         }
       }},
      value("section length_counts, column bucket, row 0: 144 is not", "length_counts", "bucket", 0,
            144),
      value("section tenants, column service_s, row 0: not a number", "tenants", "service_s", 0,
            kNotANumber),
      value("section tenants, column tenant, row 0: 65 is not", "tenants", "tenant", 0, 65),
      twin("section waiting_work, column model: is there twice", "waiting_work", "model"),
  };
}

std::vector<Case> contents() {
  return {
      twin("section contents, column place, row 1: is taken", "contents", "place"),
      {"section contents, column second_id, row 1: was there before",
       [](Sheet* sheet) {
         for (const char* key : {"first_id", "second_id"}) {
           sheet->set("contents", key, 1, sheet->get("contents", key, 0));
         }
       }},
      {"section contents, column place",
       [](Sheet* sheet) {
         sheet->set("contents", "place", sheet->section("contents").rows - 2, 99);
       }},
      {"section contents, column second_id",
       [](Sheet* sheet) {
         sheet->set("contents", "second_id", sheet->section("contents").rows - 1, 3);
       }},
      value("section contents, column sources, row 0: 5 is not 0 to 4", "contents", "sources", 0,
            5),
      value("section content_sources: has not as many rows", "contents", "sources", 0, 4),
      value("section contents: group_hand is no group", "content_table", "group_hand", 0, 4),
      {"section content_sources, column content: a content is its own source",
       [](Sheet* sheet) {
         const uint32_t row = sheet->row_with("contents", "sources", 1);
         uint32_t before = 0;
         for (uint32_t i = 0; i < row; ++i) {
           before += static_cast<uint32_t>(sheet->get("contents", "sources", i));
         }
         sheet->set("content_sources", "content", before, sheet->get("contents", "place", row));
         sheet->set("content_sources", "generation", before,
                    sheet->get("contents", "generation", row));
       }},
      value("section holders, column content, row 0: 1000 is not", "holders", "content", 0, 1000),
      value("section holders, column own_tokens, row 0: are more", "holders", "own_tokens", 0,
            1'000'000),
      twin("section holders_free, column place: not every place", "holders", "place"),
      value("section content_holders, column place, row 0: is no other", "content_holders", "place",
            0, 300),
      twin("section content_holders, column place, row 1: is no other", "content_holders", "place"),
      {"section contents, column holders: not as many",
       [](Sheet* sheet) {
         const uint32_t row = sheet->row_with("contents", "holders", 0);
         sheet->set("contents", "holders", row, 1);
       }},
  };
}

std::vector<Case> workflows() {
  return {
      twin("section workflows_free, column place: not every place", "workflows", "place"),
      twin("section workflows, column workflow, row 1: was there before", "workflows", "workflow"),
      twin("section workflows, column sequence: was given twice", "workflows", "sequence"),
      value("section workflows, column sequence, row 0: was not given", "workflows", "sequence", 0,
            1'000'000),
      value("section workflows, column last_activity, row 1: is before", "workflows",
            "last_activity", 1, 0),
      value("section workflows, column tier, row 0: 3 is not 0 to 2", "workflows", "tier", 0, 3),
      value("section workflows, column horizon_s, row 0: not a number", "workflows", "horizon_s", 0,
            kNotANumber),
      value("section calls: has not one row for each call", "workflows", "calls", 0, 90),
      twin("section calls_free, column place: not every place", "calls", "place"),
      value("section calls, column state, row 0: 13 is not 1 to 12", "calls", "state", 0, 13),
      value("section calls, column prompt_tokens, row 0: 0 is not", "calls", "prompt_tokens", 0, 0),
      value("section calls, column output_mean, row 0: not a number", "calls", "output_mean", 0,
            kNotANumber),
      value("section calls, column prefill_worker, row 0: 8 is none of 8", "calls",
            "prefill_worker", 0, 8),
      value("section calls, column time_ready, row 0: -5 is not", "calls", "time_ready", 0,
            static_cast<uint64_t>(-5)),
      value("section calls, column plan_order_key, row 0: not a number", "calls", "plan_order_key",
            0, kInfinity),
      value("section calls, column sources, row 0: 5 is not 0 to 4", "calls", "sources", 0, 5),
      value("section call_sources: has not one row", "calls", "sources", 0, 4),
      value("section edges: has not one row", "calls", "edges", 0, 50),
      value("section edges, column target, row 0: is no later call", "edges", "target", 0, 95),
      value("section edges, column target, row 0: is no later call", "edges", "target", 0, kNone),
      twin("section edges_free, column place: not every place", "edges", "place"),
  };
}

std::vector<Case> calls_and_their_places() {
  return {
      {"section prefills: has not as many rows",
       [](Sheet* sheet) { sheet->set("workers", "prefills", 0, 9); }},
      {"section decodes: has not as many rows",
       [](Sheet* sheet) { sheet->set("workers", "decodes", 0, 9); }},
      value("section prefills, column call, row 0: is none", "prefills", "call", 0, kNone),
      twin("section decodes, column call, row 1: is none, or was there", "decodes", "call"),
      of_state("section decodes, column call", CallState::kDecoding, "state",
               static_cast<uint64_t>(CallState::kDone)),
      another_state("section calls, column state: a call in flight is on no list", CallState::kDone,
                    CallState::kTransferring),
      another_state("section calls, column state: a prefill is on no list", CallState::kDone,
                    CallState::kPrefilling),
      of_state("section waiting", CallState::kReady, "state",
               static_cast<uint64_t>(CallState::kCancelled)),
      value("section waiting, column call", "waiting", "call", 0, 1'000'000),
      twin("section waiting, column call", "waiting", "call"),
      {"section waiting, column call",
       [](Sheet* sheet) { sheet->set("waiting_work", "model", 0, 50); }},
      another_state("section calls, column state: a ready call", CallState::kDone,
                    CallState::kReady),
      another_state("section calls, column state: it waits for nothing", CallState::kDone,
                    CallState::kWaiting),
      of_state("section calls, column model: is not among", CallState::kDone, "model", 50),
      of_state("section calls, column prefill_hit: exceeds", CallState::kDone, "prefill_hit", 5000),
      of_state("section calls, column decode_hit: exceeds", CallState::kDone, "decode_hit", 5000),
      of_state("section calls, column prefill_blocks: are held", CallState::kDone, "prefill_blocks",
               3),
      of_state("section calls, column content: is not that", CallState::kReady, "content", 3),
      of_state("section workers, column kv_capacity_tokens", CallState::kDecoding, "decode_blocks",
               4'000'000),
      {"section calls, column state: it still waits", end_a_waiting_call},
      of_state("section calls, column plan_decode_end: is too far", CallState::kDone,
               "plan_decode_end", 8'500'000'000'000'000'000u),
  };
}

// "" or what is wrong.
std::string refused(const MidLife& life, const std::vector<Case>& cases) {
  std::string wrong;
  for (const Case& each : cases) {
    Sheet sheet(life.sections);
    each.change(&sheet);
    Scheduler core(life.settings);
    std::string flaw;
    const bool taken = core.load(sheet.sections(), &flaw);
    if (!taken && flaw.rfind(each.expected, 0) == 0) continue;
    wrong += std::string("\nwanted: ") + each.expected +
             "\nsaid:   " + (taken ? std::string("nothing") : flaw);
  }
  return wrong;
}

// Does a snapshot have something to change in every section?
bool has_all(const SnapshotSections& sections) {
  Sheet sheet(sections);
  for (const char* section : {"edges", "decodes", "waiting", "tenants", "links", "waiting_work",
                              "workflows", "holders", "content_holders"}) {
    if (sheet.section(section).rows < 2) return false;
  }
  for (const CallState state : {CallState::kWaiting, CallState::kReady, CallState::kDispatched,
                                CallState::kDecoding, CallState::kDone}) {
    const auto wanted = static_cast<uint64_t>(state);
    if (sheet.get("calls", "state", sheet.row_with("calls", "state", wanted)) != wanted) {
      return false;
    }
  }
  return true;
}

// A core in the middle of much.
MidLife busy_life() {
  MidLife life;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    RichLife rich(seed, false);
    for (int step = 0; step < 400; ++step) {
      rich.step();
      life.sections.clear();
      rich.core.save(&life.sections);
      if (step < 50 || !has_all(life.sections)) continue;
      life.settings = rich_settings(false);
      return life;
    }
  }
  return life;
}

std::string refused_of_busy(const std::vector<Case>& cases) {
  const MidLife life = busy_life();
  return life.settings.workers_max == rich_settings(false).workers_max ? refused(life, cases)
                                                                       : "no life is busy enough";
}

void the_shape_of_sections_is_checked(void**) {
  assert_string_equal(refused_of_busy(shapes()).c_str(), "");
}

void single_numbers_are_checked(void**) {
  assert_string_equal(refused_of_busy(single_numbers()).c_str(), "");
}

void the_cluster_is_checked(void**) { assert_string_equal(refused_of_busy(cluster()).c_str(), ""); }

void contents_are_checked(void**) { assert_string_equal(refused_of_busy(contents()).c_str(), ""); }

void workflows_are_checked(void**) {
  assert_string_equal(refused_of_busy(workflows()).c_str(), "");
}

void calls_must_be_where_their_state_says(void**) {
  assert_string_equal(refused_of_busy(calls_and_their_places()).c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(the_shape_of_sections_is_checked),
      cmocka_unit_test(single_numbers_are_checked),
      cmocka_unit_test(the_cluster_is_checked),
      cmocka_unit_test(contents_are_checked),
      cmocka_unit_test(workflows_are_checked),
      cmocka_unit_test(calls_must_be_where_their_state_says),
  };
  return cmocka_run_group_tests_name("refused snapshots", tests, nullptr, nullptr);
}
