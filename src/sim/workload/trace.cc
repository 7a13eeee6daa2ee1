// From lines of JSON to checked workflows. One RawWorkflow is one line before renumbering.
#include "sim/workload/trace.h"

#include <cmath>
#include <cstddef>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "sim/input_error.h"
#include "sim/workload/text_file.h"

namespace hexagent::sim {
namespace {

using Json = nlohmann::json;

constexpr int64_t kTokensMax = 100'000'000;
constexpr int64_t kIdMax = 1'000'000'000;
constexpr double kSecondsMax = 1e9;
constexpr size_t kCallsMax = 100'000;

// Where an error is: one line of one file.
struct Place {
  const std::string& path;
  int64_t line;

  [[noreturn]] void fail(const std::string& field, const std::string& message) const {
    throw InputError(path, line, field, message);
  }
};

// One JSON object with the prefix its fields are named by in errors ("calls[3].").
struct Fields {
  const Json& object;
  const Place& place;
  std::string prefix;

  [[noreturn]] void fail(const char* key, const std::string& message) const {
    place.fail(prefix + key, message);
  }
  const Json* find(const char* key) const {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
  }
  const Json& need(const char* key) const {
    const Json* value = find(key);
    if (value == nullptr) fail(key, "is missing");
    return *value;
  }
  int64_t integer(const Json& value, const char* key, int64_t low, int64_t high) const {
    if (!value.is_number_integer()) fail(key, "must be an integer");
    // A number above the signed range is stored unsigned and would wrap.
    const bool wraps = value.is_number_unsigned() && value.get<uint64_t>() > uint64_t(INT64_MAX);
    const int64_t number = wraps ? INT64_MAX : value.get<int64_t>();
    if (number < low || number > high) {
      fail(key, "must be " + std::to_string(low) + " to " + std::to_string(high));
    }
    return number;
  }
  std::string text(const Json& value, const char* key) const {
    if (!value.is_string()) fail(key, "must be a string");
    return value.get<std::string>();
  }
  std::string needed_text(const char* key) const {
    std::string value = text(need(key), key);
    if (value.empty()) fail(key, "must not be empty");
    return value;
  }
  std::string optional_text(const char* key) const {
    const Json* value = find(key);
    return value == nullptr || value->is_null() ? std::string() : text(*value, key);
  }
  // Seconds, or -1 when null.
  double seconds(const Json& value, const char* key) const {
    if (value.is_null()) return -1.0;
    if (!value.is_number()) fail(key, "must be a number or null");
    const double number = value.get<double>();
    if (!(number >= 0.0) || number > kSecondsMax) fail(key, "must be 0 to 1e9 seconds");
    return number;
  }
};

// A call as the file numbers it, and the workflow around it.
struct RawCall {
  int64_t file_id = 0;
  std::vector<int64_t> deps;
  std::optional<int64_t> prefix_of;
  TraceCall call;
};

using CallNumbers = std::map<int64_t, uint32_t>;  // file's id to position

void read_prefix(const Fields& fields, RawCall& raw) {
  TraceCall& call = raw.call;
  const Json& shared = fields.need("shared_prefix_tokens");
  if (!shared.is_null()) {
    call.shared_prefix_tokens = fields.integer(shared, "shared_prefix_tokens", 0, kTokensMax);
    if (call.shared_prefix_tokens > call.prompt_tokens) {
      fields.fail("shared_prefix_tokens", "is more than prompt_tokens");
    }
  }
  const Json& source = fields.need("prefix_of");
  if (!source.is_null()) raw.prefix_of = fields.integer(source, "prefix_of", 0, kIdMax);
  const Json* external = fields.find("prefix_of_ext");
  if (external != nullptr && !external->is_null()) {
    if (!external->is_array() || external->size() != 2) {
      fields.fail("prefix_of_ext", "must be [workflow, call]");
    }
    call.prefix_of_workflow = fields.text((*external)[0], "prefix_of_ext");
    if (call.prefix_of_workflow.empty()) fields.fail("prefix_of_ext", "names no workflow");
    call.prefix_of_call =
        static_cast<int32_t>(fields.integer((*external)[1], "prefix_of_ext", 0, kIdMax));
    if (raw.prefix_of) fields.fail("prefix_of_ext", "stands beside prefix_of");
  }
  call.prefix_group = fields.optional_text("prefix_group");
  const Json* group_tokens = fields.find("prefix_group_tokens");
  if (group_tokens != nullptr && !group_tokens->is_null()) {
    if (call.prefix_group.empty()) fields.fail("prefix_group_tokens", "has no prefix_group");
    call.prefix_group_tokens =
        fields.integer(*group_tokens, "prefix_group_tokens", 0, call.prompt_tokens);
  }
}

RawCall read_call(const Json& object, const Place& place, size_t position) {
  const std::string prefix = "calls[" + std::to_string(position) + "].";
  if (!object.is_object()) place.fail(prefix.substr(0, prefix.size() - 1), "must be an object");
  const Fields fields{object, place, prefix};
  RawCall raw;
  raw.file_id = fields.integer(fields.need("id"), "id", 0, kIdMax);
  const Json& deps = fields.need("deps");
  if (!deps.is_array()) fields.fail("deps", "must be an array");
  for (const Json& dep : deps) {
    raw.deps.push_back(fields.integer(dep, "deps", 0, kIdMax));
    if (raw.deps.back() == raw.file_id) fields.fail("deps", "the call depends on itself");
  }
  raw.call.prompt_tokens =
      fields.integer(fields.need("prompt_tokens"), "prompt_tokens", 1, kTokensMax);
  raw.call.output_tokens =
      fields.integer(fields.need("output_tokens"), "output_tokens", 1, kTokensMax);
  read_prefix(fields, raw);
  raw.call.tool_delay_s = fields.seconds(fields.need("tool_delay_s"), "tool_delay_s");
  raw.call.stage = fields.needed_text("stage");
  return raw;
}

std::string call_field(size_t position, const char* key) {
  return "calls[" + std::to_string(position) + "]." + key;
}

// File positions of each call's dependencies, without repeats.
std::vector<std::set<size_t>> dependency_positions(const std::vector<RawCall>& raws,
                                                   const Place& place) {
  std::map<int64_t, size_t> positions;
  for (size_t i = 0; i < raws.size(); ++i) {
    if (!positions.emplace(raws[i].file_id, i).second) {
      place.fail(call_field(i, "id"), "is used twice: " + std::to_string(raws[i].file_id));
    }
  }
  std::vector<std::set<size_t>> deps(raws.size());
  for (size_t i = 0; i < raws.size(); ++i) {
    for (const int64_t dep : raws[i].deps) {
      const auto found = positions.find(dep);
      if (found == positions.end()) {
        place.fail(call_field(i, "deps"), "names an unknown call: " + std::to_string(dep));
      }
      deps[i].insert(found->second);
    }
  }
  return deps;
}

// File positions in an order where dependencies come first, as close to the file's as possible.
std::vector<size_t> topological_order(const std::vector<std::set<size_t>>& deps,
                                      const Place& place) {
  std::vector<size_t> open(deps.size());
  std::vector<std::vector<size_t>> followers(deps.size());
  std::set<size_t> ready;
  for (size_t i = 0; i < deps.size(); ++i) {
    open[i] = deps[i].size();
    for (const size_t dep : deps[i]) followers[dep].push_back(i);
    if (open[i] == 0) ready.insert(i);
  }
  std::vector<size_t> order;
  while (!ready.empty()) {
    const size_t next = *ready.begin();
    ready.erase(ready.begin());
    order.push_back(next);
    for (const size_t follower : followers[next]) {
      if (--open[follower] == 0) ready.insert(follower);
    }
  }
  for (size_t i = 0; i < deps.size(); ++i) {
    if (open[i] > 0) place.fail(call_field(i, "deps"), "are part of a cycle");
  }
  return order;
}

// Resolves `prefix_of` of the call at `position` of the file, now number `raw.call.id`.
void resolve_prefix(RawCall& raw, size_t position, const CallNumbers& numbers,
                    const std::vector<TraceCall>& earlier, const Place& place) {
  if (!raw.prefix_of) return;
  const std::string field = call_field(position, "prefix_of");
  const auto source = numbers.find(*raw.prefix_of);
  if (source == numbers.end()) place.fail(field, "names an unknown call");
  if (source->second >= raw.call.id) place.fail(field, "names a call that does not come before");
  const TraceCall& carrier = earlier[source->second];
  if (raw.call.shared_prefix_tokens > carrier.prompt_tokens + carrier.output_tokens) {
    place.fail(call_field(position, "shared_prefix_tokens"), "is more than prefix_of ever held");
  }
  raw.call.prefix_of = static_cast<int32_t>(source->second);
}

CallNumbers number_calls(std::vector<RawCall>& raws, TraceWorkflow& workflow, const Place& place) {
  const std::vector<std::set<size_t>> deps = dependency_positions(raws, place);
  const std::vector<size_t> order = topological_order(deps, place);
  CallNumbers numbers;
  std::vector<uint32_t> number_of(raws.size());
  for (size_t i = 0; i < order.size(); ++i) {
    number_of[order[i]] = static_cast<uint32_t>(i);
    numbers.emplace(raws[order[i]].file_id, static_cast<uint32_t>(i));
  }
  for (const size_t position : order) {
    RawCall& raw = raws[position];
    raw.call.id = number_of[position];
    for (const size_t dep : deps[position]) raw.call.deps.push_back(number_of[dep]);
    resolve_prefix(raw, position, numbers, workflow.calls, place);
    workflow.calls.push_back(std::move(raw.call));
  }
  return numbers;
}

TraceWorkflow read_workflow(const Json& object, const Place& place, CallNumbers& numbers) {
  if (!object.is_object()) place.fail("", "the line must hold one JSON object");
  const Fields fields{object, place, ""};
  TraceWorkflow workflow;
  workflow.id = fields.needed_text("workflow");
  workflow.class_name = fields.needed_text("class");
  workflow.arrival_s = fields.seconds(fields.need("arrival_s"), "arrival_s");
  workflow.session = fields.optional_text("session");
  if (const Json* turn = fields.find("turn"); turn != nullptr && !turn->is_null()) {
    workflow.turn = static_cast<int32_t>(fields.integer(*turn, "turn", 0, kIdMax));
  }
  if (const Json* gap = fields.find("after_prev_s"); gap != nullptr) {
    workflow.after_prev_s = fields.seconds(*gap, "after_prev_s");
  }
  const Json& calls = fields.need("calls");
  if (!calls.is_array() || calls.empty()) fields.fail("calls", "must be a list with a call in it");
  if (calls.size() > kCallsMax) fields.fail("calls", "are more than 100000");
  std::vector<RawCall> raws;
  for (size_t i = 0; i < calls.size(); ++i) raws.push_back(read_call(calls[i], place, i));
  numbers = number_calls(raws, workflow, place);
  return workflow;
}

// "folder/name.jsonl.gz" becomes "name".
std::string trace_name(const std::string& path) {
  const size_t slash = path.find_last_of('/');
  std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  for (const char* extension : {".gz", ".jsonl"}) {
    if (name.ends_with(extension)) name.resize(name.size() - std::string(extension).size());
  }
  return name;
}

struct Line {
  int64_t number = 0;
  CallNumbers numbers;
};

// prefix_of_ext is given in the other workflow's own call numbers, known only when all are read.
void renumber_external_prefixes(Trace& trace, const std::vector<Line>& lines,
                                const std::string& path) {
  link_external_prefixes(trace);
  for (size_t w = 0; w < trace.workflows.size(); ++w) {
    for (TraceCall& call : trace.workflows[w].calls) {
      if (call.prefix_of_body < 0) continue;
      const size_t body = static_cast<size_t>(call.prefix_of_body);
      const auto found = lines[body].numbers.find(call.prefix_of_call);
      const Place place{path, lines[w].number};
      if (body == w) place.fail("prefix_of_ext", "names its own workflow; use prefix_of");
      if (found == lines[body].numbers.end()) {
        place.fail("prefix_of_ext", "names an unknown call of " + call.prefix_of_workflow);
      }
      call.prefix_of_call = static_cast<int32_t>(found->second);
    }
  }
}

}  // namespace

void link_external_prefixes(Trace& trace) {
  std::map<std::string_view, int32_t> bodies;
  for (size_t i = 0; i < trace.workflows.size(); ++i) {
    bodies.emplace(trace.workflows[i].id, static_cast<int32_t>(i));
  }
  for (TraceWorkflow& workflow : trace.workflows) {
    for (TraceCall& call : workflow.calls) {
      const auto found = bodies.find(call.prefix_of_workflow);
      call.prefix_of_body = found == bodies.end() ? -1 : found->second;
    }
  }
}

Trace parse_trace(std::string_view text, const std::string& path) {
  Trace trace;
  trace.name = trace_name(path);
  std::vector<Line> lines;
  std::set<std::string> ids;
  int64_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    const Place place{path, line_number};
    const Json object = Json::parse(line, nullptr, false);
    if (object.is_discarded()) place.fail("", "is not valid JSON");
    Line kept{line_number, {}};
    TraceWorkflow workflow = read_workflow(object, place, kept.numbers);
    if (!ids.insert(workflow.id).second) place.fail("workflow", "is used twice: " + workflow.id);
    trace.workflows.push_back(std::move(workflow));
    lines.push_back(std::move(kept));
  }
  if (trace.workflows.empty()) throw InputError(path, 0, "", "holds no workflow");
  renumber_external_prefixes(trace, lines, path);
  return trace;
}

Trace load_trace(const std::string& path) { return parse_trace(read_text_file(path), path); }

}  // namespace hexagent::sim
