// One table of keys; each key has a reader of its own that checks number and range of its values.
#include "sim/cluster/cluster.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <map>

#include "sim/cluster/csv_table.h"
#include "sim/input_error.h"
#include "sim/workload/text_file.h"

namespace hexagent::sim {
namespace {

constexpr int32_t kWorkersMax = 100'000;

struct Line {
  const std::string& path;
  int64_t number;
  std::vector<std::string> words;  // the key first

  [[noreturn]] void fail(const std::string& message) const {
    constexpr size_t kShown = 40;  // what is no cluster file at all can have endless words
    throw InputError(path, number, words[0].substr(0, kShown), message);
  }
  void need_values(size_t low, size_t high) const {
    const size_t count = words.size() - 1;
    if (count >= low && count <= high) return;
    fail("has " + std::to_string(count) + " values, needs " + std::to_string(low) +
         (low == high ? "" : " or " + std::to_string(high)));
  }
  double real(size_t word, double low, double high) const {
    double value = 0.0;
    if (!parse_number(words[word], value)) fail("is not a number: " + words[word]);
    if (value < low || value > high) fail("is out of range: " + words[word]);
    return value;
  }
  int64_t integer(size_t word, int64_t low, int64_t high) const {
    int64_t value = 0;
    if (!parse_number(words[word], value)) fail("is not an integer: " + words[word]);
    if (value < low || value > high) fail("is out of range: " + words[word]);
    return value;
  }
  double only_real(double low, double high) const {
    need_values(1, 1);
    return real(1, low, high);
  }
  int64_t only_integer(int64_t low, int64_t high) const {
    need_values(1, 1);
    return integer(1, low, high);
  }
};

void read_name(ClusterFile& cluster, const Line& line) {
  line.need_values(1, 1);
  cluster.name = line.words[1];
}

void read_profiles(ClusterFile& cluster, const Line& line) {
  line.need_values(1, 1);
  cluster.profiles_folder = line.words[1];
}

void read_tensor_parallel(ClusterFile& cluster, const Line& line) {
  line.need_values(2, 2);
  const int32_t degree = static_cast<int32_t>(line.integer(2, 1, 64));
  if (!cluster.tensor_parallel.emplace(line.words[1], degree).second) {
    line.fail("is given twice for " + line.words[1]);
  }
}

void read_worker(ClusterFile& cluster, const Line& line) {
  line.need_values(3, 3);
  WorkerGroup group;
  if (line.words[1] == "prefill") {
    group.role = WorkerRole::kPrefill;
  } else if (line.words[1] == "decode") {
    group.role = WorkerRole::kDecode;
  } else if (line.words[1] == "both") {
    group.role = WorkerRole::kBoth;
  } else {
    line.fail("role is not prefill, decode or both: " + line.words[1]);
  }
  group.gpu = line.words[2];
  group.count = static_cast<int32_t>(line.integer(3, 1, kWorkersMax));
  cluster.workers.push_back(group);
}

void read_nic(ClusterFile& cluster, const Line& line) {
  line.need_values(1, 2);
  const double gbit_per_s = line.real(line.words.size() - 1, 0.001, 1e6);
  if (line.words.size() == 2) {
    cluster.nic_gbit_per_s = gbit_per_s;
  } else if (!cluster.nic_gbit_per_s_by_gpu.emplace(line.words[1], gbit_per_s).second) {
    line.fail("is given twice for " + line.words[1]);
  }
}

void read_factor(ClusterFile& cluster, const Line& line) {
  line.need_values(3, 3);
  const FactorRange range{line.real(2, 0.01, 100.0), line.real(3, 0.01, 100.0)};
  if (range.low > range.high) line.fail("lower bound is above the upper bound");
  if (line.words[1] == "prefill") {
    cluster.prefill_factor = range;
  } else if (line.words[1] == "decode") {
    cluster.decode_factor = range;
  } else {
    line.fail("role is not prefill or decode: " + line.words[1]);
  }
}

void read_binding(ClusterFile& cluster, const Line& line) {
  line.need_values(1, 1);
  if (line.words[1] == name_of(DecodeBinding::kPrefillStart)) {
    cluster.decode_binding = DecodeBinding::kPrefillStart;
  } else if (line.words[1] == name_of(DecodeBinding::kPrefillEnd)) {
    cluster.decode_binding = DecodeBinding::kPrefillEnd;
  } else {
    line.fail("is not prefill_start or prefill_end: " + line.words[1]);
  }
}

void read_delta(ClusterFile& cluster, const Line& line) {
  line.need_values(1, 1);
  if (line.words[1] != "on" && line.words[1] != "off") line.fail("is not on or off");
  cluster.delta_transfer = line.words[1] == "on";
}

void read_transfer(ClusterFile& cluster, const Line& line) {
  line.need_values(1, 2);
  const std::string& word = line.words.back();
  const bool layerwise = word == name_of(Transfer::kLayerwise);
  if (!layerwise && word != name_of(Transfer::kAfterPrefill)) {
    line.fail("is not after_prefill or layerwise: " + word);
  }
  const Transfer transfer = layerwise ? Transfer::kLayerwise : Transfer::kAfterPrefill;
  if (line.words.size() == 2) {
    cluster.transfer = transfer;
  } else if (!cluster.transfer_by_gpu.emplace(line.words[1], transfer).second) {
    line.fail("is given twice for " + line.words[1]);
  }
}

struct Key {
  const char* name;
  bool repeats;
  void (*read)(ClusterFile&, const Line&);
};

constexpr std::array kKeys = {
    Key{"cluster", false, read_name},
    Key{"profiles", false, read_profiles},
    Key{"tensor_parallel", true, read_tensor_parallel},
    Key{"worker", true, read_worker},
    Key{"nic_gbit_per_s", true, read_nic},
    Key{"nic_efficiency", false,
        [](ClusterFile& c, const Line& line) { c.nic_efficiency = line.only_real(0.01, 1.0); }},
    Key{"link_latency_us", false,
        [](ClusterFile& c, const Line& line) { c.link_latency_us = line.only_real(0.0, 1e7); }},
    Key{"chunk_tokens", false,
        [](ClusterFile& c, const Line& line) { c.chunk_tokens = line.only_integer(1, 1 << 24); }},
    Key{"batch_tokens", false,
        [](ClusterFile& c, const Line& line) { c.batch_tokens = line.only_integer(1, 1 << 24); }},
    Key{"decode_batch_max", false,
        [](ClusterFile& c, const Line& line) {
          c.decode_batch_max = static_cast<int32_t>(line.only_integer(1, 1 << 16));
        }},
    Key{"kv_share", false,
        [](ClusterFile& c, const Line& line) { c.kv_share = line.only_real(0.001, 1.0); }},
    Key{"block_tokens", false,
        [](ClusterFile& c, const Line& line) { c.block_tokens = line.only_integer(1, 1 << 16); }},
    Key{"iteration_jitter", false,
        [](ClusterFile& c, const Line& line) { c.iteration_jitter = line.only_real(0.0, 1.0); }},
    Key{"worker_factor", true, read_factor},
    Key{"decode_binding", false, read_binding},
    Key{"dispatch_round_trip_ms", false,
        [](ClusterFile& c, const Line& line) {
          c.dispatch_round_trip_ms = line.only_real(0.0, 1e5);
        }},
    Key{"delta_transfer", false, read_delta},
    Key{"transfer", true, read_transfer},
};

std::vector<std::string> split_words(std::string_view line) {
  line = line.substr(0, line.find('#'));
  std::vector<std::string> words;
  constexpr std::string_view kBlanks = " \t\r";
  for (size_t begin = line.find_first_not_of(kBlanks); begin != std::string_view::npos;) {
    const size_t end = line.find_first_of(kBlanks, begin);
    words.emplace_back(line.substr(begin, end - begin));
    begin = line.find_first_not_of(kBlanks, end);
  }
  return words;
}

using SeenKeys = std::map<std::string, int64_t>;  // to the line of the last one

void read_line(ClusterFile& cluster, const Line& line, SeenKeys& seen) {
  for (const Key& key : kKeys) {
    if (line.words[0] != key.name) continue;
    if (seen.contains(key.name) && !key.repeats) line.fail("is given twice");
    seen[key.name] = line.number;
    key.read(cluster, line);
    return;
  }
  line.fail("is not a key of a cluster file");
}

// Nobody knows where to send the layers while the decode worker is bound at the prefill's end.
// `source`, `line`: where the later of the two was read, 0 if neither was there.
void check_transfer(const ClusterFile& cluster, const std::string& source, int64_t line) {
  if (cluster.decode_binding == DecodeBinding::kPrefillStart) return;
  bool layerwise = false;
  for (const WorkerGroup& group : cluster.workers) {
    layerwise |= group.role != WorkerRole::kDecode && cluster.is_layerwise(group.gpu);
  }
  if (!layerwise) return;
  throw InputError(line == 0 ? cluster.path : source, line, "transfer",
                   "layerwise needs decode_binding prefill_start");
}

int64_t line_of(const SeenKeys& seen, const char* key) {
  const auto found = seen.find(key);
  return found == seen.end() ? 0 : found->second;
}

void check_whole(const ClusterFile& cluster, const std::string& source, const SeenKeys& seen) {
  if (cluster.name.empty()) throw InputError(cluster.path, 0, "cluster", "is missing");
  if (cluster.tensor_parallel.empty()) {
    throw InputError(cluster.path, 0, "tensor_parallel", "is missing");
  }
  bool prefills = false;
  bool decodes = false;
  for (const WorkerGroup& group : cluster.workers) {
    prefills |= group.role != WorkerRole::kDecode;
    decodes |= group.role != WorkerRole::kPrefill;
  }
  if (!prefills) throw InputError(cluster.path, 0, "worker", "no worker can prefill");
  if (!decodes) throw InputError(cluster.path, 0, "worker", "no worker can decode");
  check_transfer(cluster, source,
                 std::max(line_of(seen, "transfer"), line_of(seen, "decode_binding")));
}

std::string number_text(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.10g", value);
  return text.data();
}

}  // namespace

const char* name_of(WorkerRole role) {
  switch (role) {
    case WorkerRole::kPrefill:
      return "prefill";
    case WorkerRole::kDecode:
      return "decode";
    case WorkerRole::kBoth:
      break;
  }
  return "both";
}

const char* name_of(DecodeBinding binding) {
  return binding == DecodeBinding::kPrefillStart ? "prefill_start" : "prefill_end";
}

const char* name_of(Transfer transfer) {
  return transfer == Transfer::kAfterPrefill ? "after_prefill" : "layerwise";
}

bool ClusterFile::is_layerwise(const std::string& gpu) const {
  const auto found = transfer_by_gpu.find(gpu);
  return (found == transfer_by_gpu.end() ? transfer : found->second) == Transfer::kLayerwise;
}

double ClusterFile::nic_bytes_per_s(const std::string& gpu) const {
  const auto found = nic_gbit_per_s_by_gpu.find(gpu);
  const double gbit_per_s = found == nic_gbit_per_s_by_gpu.end() ? nic_gbit_per_s : found->second;
  return gbit_per_s * 1e9 / 8.0 * nic_efficiency;
}

std::string ClusterFile::profiles_path() const {
  if (profiles_folder.starts_with('/')) return profiles_folder;
  const size_t slash = path.find_last_of('/');
  return slash == std::string::npos ? profiles_folder : path.substr(0, slash + 1) + profiles_folder;
}

ClusterFile load_cluster(const std::string& path) {
  return parse_cluster(read_text_file(path), path);
}

ClusterFile parse_cluster(std::string_view text, const std::string& path) {
  ClusterFile cluster;
  cluster.path = path;
  SeenKeys seen;
  int64_t line_number = 0;
  while (!text.empty()) {
    ++line_number;
    const size_t end = text.find('\n');
    Line line{path, line_number, split_words(text.substr(0, end))};
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (!line.words.empty()) read_line(cluster, line, seen);
  }
  check_whole(cluster, path, seen);
  return cluster;
}

void change_cluster(ClusterFile& cluster, const std::vector<std::string>& lines,
                    const std::string& source) {
  SeenKeys seen;
  for (size_t i = 0; i < lines.size(); ++i) {
    const Line line{source, static_cast<int64_t>(i) + 1, split_words(lines[i])};
    if (line.words.empty()) throw InputError(source, line.number, "line", "is empty");
    if (line.words[0] == "worker" && !seen.contains("worker")) cluster.workers.clear();
    if (line.words.size() > 1) {
      if (line.words[0] == "tensor_parallel") cluster.tensor_parallel.erase(line.words[1]);
      if (line.words[0] == "nic_gbit_per_s") cluster.nic_gbit_per_s_by_gpu.erase(line.words[1]);
      if (line.words[0] == "transfer") cluster.transfer_by_gpu.erase(line.words[1]);
    }
    read_line(cluster, line, seen);
  }
  check_whole(cluster, source, seen);
}

std::string describe_cluster(const ClusterFile& cluster) {
  std::string text = "cluster " + cluster.name + "\nprofiles " + cluster.profiles_folder + "\n";
  for (const auto& [model, degree] : cluster.tensor_parallel) {
    text += "tensor_parallel " + model + " " + std::to_string(degree) + "\n";
  }
  for (const WorkerGroup& group : cluster.workers) {
    text += std::string("worker ") + name_of(group.role) + " " + group.gpu + " " +
            std::to_string(group.count) + "\n";
  }
  const auto add = [&text](const std::string& key, const std::string& value) {
    text += key + " " + value + "\n";
  };
  add("nic_gbit_per_s", number_text(cluster.nic_gbit_per_s));
  for (const auto& [gpu, gbit_per_s] : cluster.nic_gbit_per_s_by_gpu) {
    add("nic_gbit_per_s " + gpu, number_text(gbit_per_s));
  }
  add("nic_efficiency", number_text(cluster.nic_efficiency));
  add("link_latency_us", number_text(cluster.link_latency_us));
  add("chunk_tokens", std::to_string(cluster.chunk_tokens));
  add("batch_tokens", std::to_string(cluster.batch_tokens));
  add("decode_batch_max", std::to_string(cluster.decode_batch_max));
  add("kv_share", number_text(cluster.kv_share));
  add("block_tokens", std::to_string(cluster.block_tokens));
  add("iteration_jitter", number_text(cluster.iteration_jitter));
  for (const auto& [role, range] :
       {std::pair("prefill", cluster.prefill_factor), std::pair("decode", cluster.decode_factor)}) {
    add(std::string("worker_factor ") + role,
        number_text(range.low) + " " + number_text(range.high));
  }
  add("decode_binding", name_of(cluster.decode_binding));
  add("dispatch_round_trip_ms", number_text(cluster.dispatch_round_trip_ms));
  add("delta_transfer", cluster.delta_transfer ? "on" : "off");
  add("transfer", name_of(cluster.transfer));
  for (const auto& [gpu, transfer] : cluster.transfer_by_gpu) {
    add("transfer " + gpu, name_of(transfer));
  }
  return text;
}

double draw_factor(const FactorRange& range, Random& random) {
  return range.low * std::exp(std::log(range.high / range.low) * random.uniform());
}

}  // namespace hexagent::sim
