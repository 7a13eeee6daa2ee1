// Suite: see suite.h. A cell is the suite's defaults with the cell's own fields laid over them.
#include "sim/study/suite.h"

#include <algorithm>
#include <filesystem>
#include <limits>
#include <set>

#include "sim/input_error.h"
#include "sim/random.h"
#include "sim/run/gateway.h"
#include "sim/study/strict_json.h"
#include "sim/workload/text_file.h"

namespace hexagent::sim {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What a drain warms up at: most rivals have a steady state there. With none, they would begin
// after hours of simulated backlog that nothing measures.
constexpr double kWarmupLoadOfDrains = 0.5;
constexpr int64_t kSeedsMax = 10'000;
constexpr int64_t kWorkflowsMax = 10'000'000;

// A shipped file by its bare name, else a path seen from the suite file.
std::string resolve_file(const std::string& text, const std::string& suite, const char* folder,
                         const char* ending) {
  if (text.find('/') == std::string::npos && !text.ends_with(".gz") && !text.ends_with(".jsonl") &&
      !text.ends_with(".cluster")) {
    return find_data_file(std::string(folder) + "/" + text + ending);
  }
  if (text.starts_with('/')) return text;
  return (fs::path(suite).parent_path() / text).string();
}

std::vector<uint64_t> read_seeds(StrictObject seeds) {
  const int64_t first = seeds.integer("first", 0, std::numeric_limits<int32_t>::max());
  const int64_t count = seeds.integer("count", 0, kSeedsMax);
  seeds.finish();
  std::vector<uint64_t> list;
  for (int64_t i = 0; i < count; ++i) list.push_back(static_cast<uint64_t>(first + i));
  return list;
}

void read_load(StrictObject& fields, CellRequest* request) {
  if (fields.has("load") == fields.has("drain")) {
    fields.fail("load", "either load or drain must be given, not both");
  }
  if (fields.has("load")) request->load = fields.number("load", 0.01, 4.0);
  if (!fields.has("drain")) return;
  request->drain_factor = fields.number("drain", 0.01, 1000.0);
  request->load = fields.number_or("warmup_load", 0.01, 4.0, kWarmupLoadOfDrains);
}

void read_truth(StrictObject& fields, const std::string& path, CellRequest* request) {
  for (const std::string& trace : fields.texts("traces")) {
    request->traces.push_back(resolve_file(trace, path, "traces", ".jsonl.gz"));
  }
  if (request->traces.empty()) fields.fail("traces", "names no trace");
  request->cluster = resolve_file(fields.text("cluster"), path, "clusters", ".cluster");
  if (fields.has("cluster_lines")) request->cluster_lines = fields.texts("cluster_lines");
  request->model = fields.text("model");
  request->workflows = static_cast<uint32_t>(fields.integer("workflows", 1, kWorkflowsMax));
  request->arrivals = fields.text_or("arrivals", "poisson");
  constexpr std::string_view kRecorded = "trace:";
  if (request->arrivals.starts_with(kRecorded)) {
    request->arrivals =
        std::string(kRecorded) +
        resolve_file(request->arrivals.substr(kRecorded.size()), path, "traces", ".jsonl.gz");
  }
  request->closed_loop = fields.flag_or("closed_loop", false);
  request->sampled_gaps = fields.flag_or("sampled_gaps", false);
  request->give_up_stretch = fields.number_or("give_up_stretch", 0.0, 1e6, 0.0);
  if (fields.has("lost_worker")) {
    StrictObject lost = fields.object("lost_worker");
    request->lost_worker = LostWorker{static_cast<int32_t>(lost.integer("worker", 0, 100'000)),
                                      lost.number("at", 0.0, 10.0), lost.number("down", 0.0, 10.0)};
    lost.finish();
  }
}

void read_knowledge(StrictObject& fields, CellRequest* request) {
  request->knowledge.lengths = parse_length_knowledge(fields.text_or("lengths", "predictor"));
  request->knowledge.model_error = fields.number_or("model_error", 0.0, 0.9, 0.0);
  request->knowledge.learns_online = fields.flag_or("learns_online", false);
  if (!fields.has("settings")) return;
  StrictObject settings = fields.object("settings");
  for (const std::string& key : settings.keys()) {
    request->settings.emplace_back(key, settings.text(key));
  }
}

void check_names(StrictObject fields, const std::string& key, const std::string& policy) {
  try {
    check_policy_text(policy);
  } catch (const std::invalid_argument& error) {
    fields.fail(key, error.what());
  }
}

BoundsRequest read_bounds(StrictObject fields) {
  BoundsRequest bounds;
  bounds.seeds = static_cast<uint32_t>(fields.integer("seeds", 0, kSeedsMax));
  bounds.effort.bisections = static_cast<uint32_t>(fields.integer("bisections", 0, 30));
  bounds.effort.search_steps = static_cast<uint32_t>(fields.integer("search_steps", 0, 1'000'000));
  bounds.effort.deadlines_of_all = fields.flag_or("deadlines_of_all", true);
  fields.finish();
  return bounds;
}

SustainedRequest read_sustained(StrictObject fields) {
  SustainedRequest sustained;
  sustained.seeds = static_cast<uint32_t>(fields.integer("seeds", 0, kSeedsMax));
  sustained.policies = fields.texts("policies");
  for (const std::string& policy : sustained.policies) check_names(fields, "policies", policy);
  fields.finish();
  return sustained;
}

SuiteCell read_cell(const json& value, const std::string& path, const std::string& where) {
  StrictObject fields(value, path, where);
  SuiteCell cell;
  cell.name = fields.text("name");
  constexpr const char* kLetters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
  if (cell.name.find_first_not_of(kLetters) != std::string::npos || cell.name[0] == '.') {
    fields.fail("name", "must be letters, digits, '-', '_' and '.' and not begin with '.'");
  }
  fields.rename(where + " (" + cell.name + ")");
  try {
    cell.why = fields.text("why");
    read_load(fields, &cell.request);
    read_truth(fields, path, &cell.request);
    read_knowledge(fields, &cell.request);
    cell.seeds = read_seeds(fields.object("seeds"));
    if (fields.has("tuning_seeds")) cell.tuning_seeds = read_seeds(fields.object("tuning_seeds"));
    cell.groups = fields.texts("groups");
    if (fields.has("sustained")) {
      cell.sustained = read_sustained(fields.object("sustained"));
      if (fields.has("drain")) fields.fail("sustained", "a drain has no load to sustain");
    }
    if (fields.has("bounds")) cell.bounds = read_bounds(fields.object("bounds"));
  } catch (const InputError& error) {
    if (error.file() == path) throw;
    throw InputError(path, 0, where + " (" + cell.name + ")", error.what());  // a file it names
  }
  if (cell.seeds.empty()) fields.fail("seeds", "must be one or more");
  for (const uint64_t seed : cell.tuning_seeds) {
    if (std::find(cell.seeds.begin(), cell.seeds.end(), seed) != cell.seeds.end()) {
      fields.fail("tuning_seeds", "overlap with the seeds of the test");
    }
  }
  fields.finish();
  return cell;
}

void read_policies(StrictObject policies, Suite* suite) {
  suite->subject = policies.text("subject");
  check_names(policies, "subject", suite->subject);
  std::set<std::string> names = {kAblationGroup};
  for (StrictObject& fields : policies.objects("groups")) {
    PolicyGroup group{fields.text("name"), fields.text("about"), fields.texts("policies"),
                      fields.flag_or("strongest_only", false)};
    if (!names.insert(group.name).second) fields.fail("name", "is taken");
    if (group.policies.empty()) fields.fail("policies", "names no policy");
    for (const std::string& policy : group.policies) check_names(fields, "policies", policy);
    fields.finish();
    suite->groups.push_back(std::move(group));
  }
  if (policies.has("ablations")) {
    for (StrictObject& fields : policies.objects("ablations")) {
      suite->ablations.push_back({fields.text("name"), fields.text("policy")});
      check_names(fields, "policy", suite->ablations.back().policy);
      fields.finish();
    }
  }
  policies.finish();
}

void check_cell(const Suite& suite, const SuiteCell& cell, const std::string& where) {
  for (const std::string& name : cell.groups) {
    const bool known = name == kAblationGroup
                           ? !suite.ablations.empty()
                           : std::any_of(suite.groups.begin(), suite.groups.end(),
                                         [&](const PolicyGroup& g) { return g.name == name; });
    for (const PolicyGroup& group : suite.groups) {
      if (group.name == name && group.strongest_only && cell.tuning_seeds.empty()) {
        throw InputError(suite.path, 0, where + ".tuning_seeds",
                         "are needed to choose the strongest of group " + name);
      }
    }
    if (!known) throw InputError(suite.path, 0, where + ".groups", "no group is named " + name);
  }
}

void add_new(const std::string& policy, std::vector<std::string>* policies) {
  if (std::find(policies->begin(), policies->end(), policy) == policies->end()) {
    policies->push_back(policy);
  }
}

}  // namespace

bool runs_group(const SuiteCell& cell, const std::string& group) {
  return std::find(cell.groups.begin(), cell.groups.end(), group) != cell.groups.end();
}

std::vector<std::string> policies_of(const Suite& suite, const SuiteCell& cell, bool tuning) {
  std::vector<std::string> policies;
  if (!tuning) policies.push_back(suite.subject);
  for (const PolicyGroup& group : suite.groups) {
    if (!runs_group(cell, group.name)) continue;
    for (const std::string& policy : group.policies) add_new(policy, &policies);
  }
  if (tuning || !runs_group(cell, kAblationGroup)) return policies;
  for (const Ablation& ablation : suite.ablations) add_new(ablation.policy, &policies);
  return policies;
}

Suite load_suite(const std::string& path) { return parse_suite(read_text_file(path), path); }

Suite parse_suite(std::string_view text, const std::string& path) {
  json value;
  try {
    value = json::parse(text);
  } catch (const json::exception& error) {  // numbers beyond any range throw another one
    throw InputError(path, 0, "", std::string("is not valid JSON: ") + error.what());
  }
  StrictObject fields(value, path, "");
  Suite suite;
  suite.path = path;
  suite.hash = hash_text(text);
  suite.name = fields.text("suite");
  suite.about = fields.text("about");
  suite.not_covered = fields.texts("not_covered");
  read_policies(fields.object("policies"), &suite);
  json defaults = json::object();
  if (fields.has("defaults")) defaults = fields.raw("defaults");
  if (!defaults.is_object()) fields.fail("defaults", "must be an object");
  std::set<std::string> names;
  const json& cells = fields.raw("cells");
  if (!cells.is_array() || cells.empty()) fields.fail("cells", "must be an array of cells");
  for (size_t i = 0; i < cells.size(); ++i) {
    const std::string where = "cells[" + std::to_string(i) + "]";
    if (!cells[i].is_object()) throw InputError(path, 0, where, "must be an object");
    json whole = defaults;
    // A cell's own kind of load replaces the default's.
    if (cells[i].contains("load")) whole.erase("drain");
    if (cells[i].contains("drain")) whole.erase("load");
    whole.update(cells[i]);
    SuiteCell cell = read_cell(whole, path, where);
    check_cell(suite, cell, where + " (" + cell.name + ")");
    if (!names.insert(cell.name).second) {
      throw InputError(path, 0, where + " (" + cell.name + ").name", "is taken");
    }
    suite.cells.push_back(std::move(cell));
  }
  fields.finish();
  return suite;
}

std::string find_suite_file(const std::string& text) {
  if (fs::is_regular_file(text)) return text;
  try {
    return find_data_file("suites/" + text + ".json");
  } catch (const InputError&) {
    throw InputError(text, 0, "suite", "no such file, and no suite of that name is shipped");
  }
}

}  // namespace hexagent::sim
