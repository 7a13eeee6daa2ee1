// The steps of a conformance vector, each a call or two of the C ABI; see vector.h and README.md.
#include "vector.h"

#include <cstring>
#include <fstream>
#include <stdexcept>

namespace {

const char* const kKinds[] = {"?",     "ACCEPTED",  "REFUSED",      "PREFILL",
                              "LOCAL", "TRANSFER",  "DECODE",       "REPRIORITISE",
                              "ABORT", "RETAIN_KV", "RELEASE_KV",   "REJECT",
                              "RISK",  "CALL_DONE", "WORKFLOW_DONE"};

template <typename Number>
void put(std::vector<uint8_t>* record, size_t offset, const Json& value) {
  const Number number = value.get<Number>();
  std::memcpy(record->data() + offset, &number, sizeof(number));
}

template <typename Number>
void get(const void* record, size_t offset, const std::string& name, Json* values) {
  Number number;
  std::memcpy(&number, static_cast<const uint8_t*>(record) + offset, sizeof(number));
  if (number != 0) (*values)[name] = number;
}

uint64_t u64(const Json& step, const char* key) { return step.value(key, uint64_t{0}); }
uint32_t u32(const Json& step, const char* key) { return step.value(key, uint32_t{0}); }

// What a reader wants to know of a decision; runners ignore it.
std::string says(const hexagent_decision& decision) {
  std::string text = decision.kind < std::size(kKinds) ? kKinds[decision.kind] : "?";
  if (decision.status != HEXAGENT_OK) {
    text += std::string(" ") + hexagent_status_name(decision.status);
    if (decision.field != 0) text += std::string(" ") + hexagent_field_name(decision.field);
  }
  return text;
}

Json answer_unless(int64_t usual, int64_t answer) {
  Json seen = Json::object();
  if (answer != usual) seen["answer"] = answer;
  return seen;
}

}  // namespace

Layouts::Layouts(const std::string& path) { facts_ = Json::parse(std::ifstream(path)); }

std::vector<uint8_t> Layouts::fill(const std::string& name, const Json& values) const {
  std::vector<uint8_t> record(size(name));
  size_t found = 0;
  for (const Json& field : facts_.at(name).at("fields")) {
    const std::string key = field.at("name");
    const std::string type = field.at("type");
    const size_t offset = field.at("offset");
    if (key == "struct_size") put<uint32_t>(&record, offset, record.size());
    if (!values.contains(key)) continue;
    ++found;
    if (type == "double")
      put<double>(&record, offset, values[key]);
    else if (type == "uint64_t")
      put<uint64_t>(&record, offset, values[key]);
    else if (type == "int64_t")
      put<int64_t>(&record, offset, values[key]);
    else
      put<uint32_t>(&record, offset, values[key]);
  }
  // deps and prefixes are not fields: they travel beside a call.
  const size_t beside = values.count("deps") + values.count("prefixes");
  if (found + beside != values.size())
    throw std::runtime_error("unknown field in " + values.dump());
  return record;
}

Json Layouts::read(const std::string& name, const void* record) const {
  Json values = Json::object();
  for (const Json& field : facts_.at(name).at("fields")) {
    const std::string key = field.at("name");
    const std::string type = field.at("type");
    const size_t offset = field.at("offset");
    if (key == "struct_size" || field.at("count") != 0) continue;
    if (type == "double")
      get<double>(record, offset, key, &values);
    else if (type == "uint64_t")
      get<uint64_t>(record, offset, key, &values);
    else if (type == "int64_t")
      get<int64_t>(record, offset, key, &values);
    else if (type == "uint32_t")
      get<uint32_t>(record, offset, key, &values);
    else
      get<int32_t>(record, offset, key, &values);
  }
  return values;
}

Vector::Vector(const Layouts& layouts, const Json& config) : layouts_(layouts) {
  hexagent_config* raw = hexagent_config_create();
  for (const auto& [key, value] : config.items()) {
    const hexagent_status status =
        hexagent_config_set(raw, key.c_str(), value.get<std::string>().c_str(), nullptr);
    if (status != HEXAGENT_OK) throw std::runtime_error("config " + key);
  }
  scheduler_ = hexagent_open(raw, HEXAGENT_VERSION, nullptr);
  hexagent_config_free(raw);
  if (scheduler_ == nullptr) throw std::runtime_error("open");
}

Vector::~Vector() { hexagent_close(scheduler_); }

Vector::Calls Vector::calls(const Json& list) const {
  Calls all;
  for (const Json& item : list) {
    hexagent_call call;
    std::memcpy(&call, layouts_.fill("hexagent_call", item).data(), sizeof(call));
    call.deps_offset = static_cast<uint32_t>(all.deps.size());
    call.prefixes_offset = static_cast<uint32_t>(all.prefixes.size());
    for (const Json& dep : item.value("deps", Json::array())) all.deps.push_back(dep);
    for (const Json& values : item.value("prefixes", Json::array())) {
      hexagent_prefix prefix;
      std::memcpy(&prefix, layouts_.fill("hexagent_prefix", values).data(), sizeof(prefix));
      all.prefixes.push_back(prefix);
    }
    call.deps_count = static_cast<uint32_t>(all.deps.size()) - call.deps_offset;
    call.prefixes_count = static_cast<uint32_t>(all.prefixes.size()) - call.prefixes_offset;
    all.records.push_back(call);
  }
  return all;
}

Json Vector::run(const Json& step) {
  using Runner = Json (Vector::*)(const Json&);
  static const std::map<std::string, Runner> kRunners = {
      {"name", &Vector::words},           {"label", &Vector::words},
      {"name_text", &Vector::words},      {"configure", &Vector::words},
      {"profile_set", &Vector::set},      {"model_set", &Vector::set},
      {"worker_set", &Vector::set},       {"link_set", &Vector::set},
      {"workflow_begin", &Vector::batch}, {"submit", &Vector::batch},
      {"complete", &Vector::batch},       {"heartbeat_submit", &Vector::batch},
      {"link_measured", &Vector::batch},  {"ready", &Vector::single},
      {"call_cancel", &Vector::single},   {"workflow_cancel", &Vector::single},
      {"workflow_end", &Vector::single},  {"worker_drain", &Vector::single},
      {"worker_lost", &Vector::single},   {"step", &Vector::advance},
      {"next_timer", &Vector::advance},   {"call_state", &Vector::ask},
      {"placement_query", &Vector::ask},  {"what_if", &Vector::ask},
      {"workflow_query", &Vector::ask},   {"worker_query", &Vector::ask},
      {"link_query", &Vector::ask},
  };
  return (this->*kRunners.at(step.at("do")))(step);
}

Json Vector::words(const Json& step) {
  const std::string what = step.at("do");
  if (what == "name_text") {
    char text[256] = "";
    Json seen = answer_unless(0, hexagent_name_text(scheduler_, u32(step, "name"), text, 256));
    if (text[0] != 0) seen["reads"] = text;
    return seen;
  }
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  if (what == "configure") {
    const std::string key = step.at("key");
    const std::string value = step.at("value");
    Json seen =
        answer_unless(0, hexagent_configure(scheduler_, key.c_str(), value.c_str(), &error));
    if (error.field != 0) seen["field"] = error.field;
    return seen;
  }
  const std::string text = step.at("text");
  const auto intern = what == "name" ? hexagent_name : hexagent_label;
  return answer_unless(0, intern(scheduler_, text.data(), static_cast<uint32_t>(text.size())));
}

Json Vector::set(const Json& step) {
  const std::string what = step.at("do");
  const std::string noun = what.substr(0, what.size() - std::strlen("_set"));
  const std::vector<uint8_t> bytes = layouts_.fill("hexagent_" + noun, step.at("record"));
  const void* record = bytes.data();
  const uint64_t user_data = u64(step, "user_data");
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  hexagent_status status = HEXAGENT_E_INTERNAL;
  if (noun == "profile") {
    status = hexagent_profile_set(scheduler_, static_cast<const hexagent_profile*>(record),
                                  user_data, &error);
  } else if (noun == "model") {
    status = hexagent_model_set(scheduler_, static_cast<const hexagent_model*>(record), user_data,
                                &error);
  } else if (noun == "worker") {
    status = hexagent_worker_set(scheduler_, static_cast<const hexagent_worker*>(record), user_data,
                                 &error);
  } else {
    status =
        hexagent_link_set(scheduler_, static_cast<const hexagent_link*>(record), user_data, &error);
  }
  Json seen = answer_unless(0, status);
  if (error.field != 0) seen["field"] = error.field;
  return seen;
}

Json Vector::batch(const Json& step) {
  const std::string what = step.at("do");
  const Json& list = step.at("records");
  const auto count = static_cast<uint32_t>(list.size());
  std::vector<hexagent_status> results(count);
  std::vector<uint8_t> bytes;
  const auto append = [&](const char* name) {
    for (const Json& item : list) {
      const std::vector<uint8_t> record = layouts_.fill(name, item);
      bytes.insert(bytes.end(), record.begin(), record.end());
    }
    return static_cast<const void*>(bytes.data());
  };
  int32_t answer = 0;
  if (what == "workflow_begin") {
    const auto* records = static_cast<const hexagent_workflow*>(append("hexagent_workflow"));
    answer = hexagent_workflow_begin(scheduler_, records, count, results.data());
  } else if (what == "complete") {
    const auto* records = static_cast<const hexagent_report*>(append("hexagent_report"));
    answer = hexagent_complete(scheduler_, records, count, results.data());
  } else if (what == "heartbeat_submit") {
    const auto* records = static_cast<const hexagent_heartbeat*>(append("hexagent_heartbeat"));
    answer = hexagent_heartbeat_submit(scheduler_, records, count);
  } else if (what == "link_measured") {
    const auto* records = static_cast<const hexagent_link_sample*>(append("hexagent_link_sample"));
    answer = hexagent_link_measured(scheduler_, records, count);
  } else {
    const Calls all = calls(list);
    answer = hexagent_submit(scheduler_, all.records.data(), count, all.deps.data(),
                             static_cast<uint32_t>(all.deps.size()), all.prefixes.data(),
                             static_cast<uint32_t>(all.prefixes.size()), results.data());
  }
  Json seen = answer_unless(count, answer);
  if (results != std::vector<hexagent_status>(count)) seen["results"] = results;
  return seen;
}

Json Vector::single(const Json& step) {
  const std::string what = step.at("do");
  const uint64_t workflow = u64(step, "workflow");
  const uint64_t call = u64(step, "call");
  const uint64_t user_data = u64(step, "user_data");
  const uint32_t worker = u32(step, "worker");
  const uint32_t incarnation = u32(step, "incarnation");
  hexagent_status status = HEXAGENT_E_INTERNAL;
  if (what == "ready") status = hexagent_ready(scheduler_, workflow, call, user_data);
  if (what == "call_cancel") status = hexagent_call_cancel(scheduler_, workflow, call, user_data);
  if (what == "workflow_cancel") {
    status = hexagent_workflow_cancel(scheduler_, workflow, user_data);
  }
  if (what == "workflow_end") status = hexagent_workflow_end(scheduler_, workflow, user_data);
  if (what == "worker_drain") {
    status = hexagent_worker_drain(scheduler_, worker, incarnation, user_data);
  }
  if (what == "worker_lost") {
    status = hexagent_worker_lost(scheduler_, worker, incarnation, user_data);
  }
  return answer_unless(0, status);
}

Json Vector::advance(const Json& step) {
  if (step.at("do") == "next_timer") return answer_unless(0, hexagent_next_timer(scheduler_));
  const int32_t waiting = hexagent_step(scheduler_, step.at("now_ns").get<int64_t>());
  if (waiting < 0) return Json{{"answer", waiting}};
  Json seen = Json::object();
  std::vector<hexagent_decision> decisions(static_cast<size_t>(waiting) + 1);
  const int32_t polled =
      hexagent_poll(scheduler_, decisions.data(), static_cast<uint32_t>(decisions.size()));
  if (polled != waiting) throw std::runtime_error("poll did not give what step announced");
  for (int32_t i = 0; i < polled; ++i) {
    const hexagent_decision& decision = decisions[static_cast<size_t>(i)];
    Json values = {{"says", says(decision)}};
    values.update(layouts_.read("hexagent_decision", &decision));
    seen["decisions"].push_back(values);
  }
  return seen;
}

Json Vector::ask(const Json& step) {
  const std::string what = step.at("do");
  const uint64_t workflow = u64(step, "workflow");
  if (what == "call_state") {
    return answer_unless(0, hexagent_call_state(scheduler_, workflow, u64(step, "call")));
  }
  if (what == "workflow_query") {
    hexagent_workflow_info info = {};
    info.struct_size = sizeof(info);
    Json seen = answer_unless(0, hexagent_workflow_query(scheduler_, workflow, &info));
    seen["info"] = layouts_.read("hexagent_workflow_info", &info);
    return seen;
  }
  if (what == "worker_query") {
    hexagent_worker_info info = {};
    info.struct_size = sizeof(info);
    Json seen = answer_unless(0, hexagent_worker_query(scheduler_, u32(step, "worker"), &info));
    seen["info"] = layouts_.read("hexagent_worker_info", &info);
    return seen;
  }
  if (what == "link_query") {
    hexagent_link_info info = {};
    info.struct_size = sizeof(info);
    Json seen = answer_unless(0, hexagent_link_query(scheduler_, u32(step, "source_worker"),
                                                     u32(step, "target_worker"), &info));
    seen["info"] = layouts_.read("hexagent_link_info", &info);
    return seen;
  }
  const Calls all = calls(step.at("records"));
  if (what == "what_if") {
    hexagent_workflow record;
    std::memcpy(&record, layouts_.fill("hexagent_workflow", step.at("record")).data(),
                sizeof(record));
    hexagent_forecast forecast = {};
    forecast.struct_size = sizeof(forecast);
    Json seen = answer_unless(
        0, hexagent_what_if(scheduler_, &record, all.records.data(),
                            static_cast<uint32_t>(all.records.size()), all.deps.data(),
                            static_cast<uint32_t>(all.deps.size()), all.prefixes.data(),
                            static_cast<uint32_t>(all.prefixes.size()), &forecast));
    seen["info"] = layouts_.read("hexagent_forecast", &forecast);
    return seen;
  }
  std::vector<hexagent_placement> placements(step.at("capacity").get<size_t>());
  const int32_t found =
      hexagent_placement_query(scheduler_, all.records.data(), all.prefixes.data(),
                               static_cast<uint32_t>(all.prefixes.size()), placements.data(),
                               static_cast<uint32_t>(placements.size()));
  if (found < 0) return Json{{"answer", found}};
  Json seen = Json::object();
  for (int32_t i = 0; i < found; ++i) {
    seen["placements"].push_back(
        layouts_.read("hexagent_placement", &placements[static_cast<size_t>(i)]));
  }
  return seen;
}
