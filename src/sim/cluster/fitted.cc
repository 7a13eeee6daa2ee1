// Readers of profiles.json, models.csv and hardware.csv.
#include "sim/cluster/fitted.h"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "sim/cluster/csv_table.h"
#include "sim/input_error.h"
#include "sim/workload/text_file.h"

namespace hexagent::sim {
namespace {

using Json = nlohmann::json;

// One object of profiles.json with its place in the file. JSON keeps no lines, so errors name the
// path to the field instead.
struct Node {
  const Json& value;
  const std::string& file;
  std::string where;

  [[noreturn]] void fail(const std::string& message) const {
    throw InputError(file, 0, where, message);
  }
  Node operator[](const char* key) const {
    if (!value.is_object()) fail("must be an object");
    const auto found = value.find(key);
    std::string inner = where.empty() ? key : where + "." + key;
    if (found == value.end()) throw InputError(file, 0, inner, "is missing");
    return Node{*found, file, std::move(inner)};
  }
  std::string text() const {
    if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
      fail("must be a text that is not empty");
    }
    return value.get<std::string>();
  }
  double seconds() const {
    if (!value.is_number()) fail("must be a number");
    const double number = value.get<double>();
    if (!(number >= 0.0) || number > 1e6) fail("must be 0 to 1e6");
    return number;
  }
  int64_t count(int64_t low, int64_t high) const {
    if (!value.is_number_integer()) fail("must be an integer");
    const int64_t number = value.get<int64_t>();
    if (number < low || number > high) fail("is out of range");
    return number;
  }
};

FittedProfile read_entry(const Node& entry) {
  FittedProfile profile;
  profile.gpu = entry["gpu"].text();
  profile.model = entry["model"].text();
  profile.tensor_parallel = static_cast<int32_t>(entry["tensor_parallel"].count(1, 64));
  const Node prefill = entry["prefill"];
  profile.a0_s = prefill["a0_s"].seconds();
  profile.a1_s = prefill["a1_s_per_new_token"].seconds();
  profile.a2_s = prefill["a2_s_per_pair"].seconds();
  profile.small_below_tokens = prefill["small_below_tokens"].count(0, 1 << 24);
  profile.small_a0_s = prefill["small_a0_s"].seconds();
  profile.small_a1_s = prefill["small_a1_s_per_new_token"].seconds();
  profile.prefill_fit_error = prefill["fit_error"]["all"]["p95_rel"].seconds();
  const Node decode = entry["decode"];
  profile.b0_s = decode["b0_s"].seconds();
  profile.b1_s = decode["b1_s_per_seq"].seconds();
  profile.b2_s = decode["b2_s_per_ctx_token"].seconds();
  profile.decode_fit_error = decode["fit_error"]["p95_rel"].seconds();
  profile.kv_bytes_per_token = entry["kv_bytes_per_token"].count(1, int64_t{1} << 40);
  profile.kv_capacity_tokens = entry["kv_capacity_tokens"].count(0, int64_t{1} << 40);
  return profile;
}

CapacityRule read_capacity_rule(const Node& root) {
  CapacityRule rule;
  const Node bytes = root["kv_capacity"]["nccl_bytes"];
  if (!bytes.value.is_object()) bytes.fail("must be an object");
  for (const auto& [degree, value] : bytes.value.items()) {
    int64_t number = 0;
    if (!parse_number(degree, number)) bytes.fail("key is not a number: " + degree);
    rule.nccl_bytes[static_cast<int32_t>(number)] =
        bytes[degree.c_str()].count(0, int64_t{1} << 40);
  }
  return rule;
}

}  // namespace

FittedProfiles load_fitted_profiles(const std::string& path) {
  const Json json = Json::parse(read_text_file(path), nullptr, false);
  if (json.is_discarded()) throw InputError(path, 0, "", "is not valid JSON");
  const Node root{json, path, ""};
  FittedProfiles profiles;
  profiles.capacity = read_capacity_rule(root);
  const Node entries = root["entries"];
  if (!entries.value.is_array()) entries.fail("must be an array");
  for (size_t i = 0; i < entries.value.size(); ++i) {
    const Node entry{entries.value[i], path, "entries[" + std::to_string(i) + "]"};
    FittedProfile profile = read_entry(entry);
    ProfileKey key{profile.gpu, profile.model, profile.tensor_parallel};
    if (!profiles.entries.emplace(std::move(key), std::move(profile)).second) {
      entry.fail("gives a GPU, model and parallelism a second time");
    }
  }
  if (profiles.entries.empty()) entries.fail("is empty");
  return profiles;
}

std::map<std::string, ModelShape> load_models(const std::string& path) {
  const CsvTable table = CsvTable::load(path);
  const auto read_int = [&table](size_t row, const char* name) {
    return static_cast<int32_t>(table.integer(row, table.column(name), 1, 1 << 24));
  };
  std::map<std::string, ModelShape> models;
  for (size_t row = 0; row < table.row_count(); ++row) {
    ModelShape shape;
    shape.model = table.text(row, table.column("model"));
    shape.params = table.number(row, table.column("params"), 1.0, 1e15);
    shape.layers = read_int(row, "layers");
    shape.hidden = read_int(row, "hidden");
    shape.query_heads = read_int(row, "query_heads");
    shape.kv_heads = read_int(row, "kv_heads");
    shape.head_dim = read_int(row, "head_dim");
    constexpr int64_t kBytesMax = int64_t{1} << 50;
    shape.weight_bytes = table.integer(row, table.column("weight_bytes"), 1, kBytesMax);
    shape.kv_bytes_per_token = table.integer(row, table.column("kv_bytes_per_token"), 1, kBytesMax);
    shape.max_context_tokens =
        table.integer(row, table.column("max_context_tokens"), 1, int64_t{1} << 32);
    if (!models.emplace(shape.model, shape).second) {
      table.fail(row, table.column("model"), "is given twice");
    }
  }
  return models;
}

std::map<std::string, GpuShape> load_hardware(const std::string& path) {
  const CsvTable table = CsvTable::load(path);
  std::map<std::string, GpuShape> gpus;
  for (size_t row = 0; row < table.row_count(); ++row) {
    GpuShape shape;
    shape.gpu = table.text(row, table.column("gpu"));
    shape.dense_flops = table.number(row, table.column("peak_dense_bf16_tflops"), 1e-3, 1e9) * 1e12;
    shape.hbm_bytes_per_s = table.number(row, table.column("hbm_gb_per_s"), 1e-3, 1e9) * 1e9;
    shape.device_bytes =
        table.integer(row, table.column("device_bytes_reported"), 1, int64_t{1} << 50);
    if (!gpus.emplace(shape.gpu, shape).second) {
      table.fail(row, table.column("gpu"), "is given twice");
    }
  }
  return gpus;
}

}  // namespace hexagent::sim
