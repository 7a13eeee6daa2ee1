// Manifest: see manifest.h.
#include "sim/study/manifest.h"

#include <dlfcn.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <stdexcept>

#include "hexagent/hexagent.h"
#include "sim/random.h"
#include "sim/study/unit_store.h"
#include "sim/workload/text_file.h"

namespace hexagent::sim {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

uint64_t hash_files(const std::set<std::string>& files) {
  uint64_t hash = 0;
  for (const std::string& file : files) {
    hash = mix_bits(hash ^ hash_text(fs::path(file).filename().string()));
    hash = mix_bits(hash ^ hash_text(read_text_file(file)));
  }
  return hash;
}

uint64_t hash_of_inputs(const Suite& suite) {
  std::set<std::string> files;
  constexpr std::string_view kRecorded = "trace:";
  for (const SuiteCell& cell : suite.cells) {
    files.insert(cell.request.traces.begin(), cell.request.traces.end());
    files.insert(cell.request.cluster);
    const std::string& arrivals = cell.request.arrivals;
    if (arrivals.starts_with(kRecorded)) files.insert(arrivals.substr(kRecorded.size()));
    const std::string profiles = load_cluster(cell.request.cluster).profiles_path();
    for (const char* name :
         {"profiles.json", "prefill.csv", "decode.csv", "models.csv", "hardware.csv"}) {
      files.insert((fs::path(profiles) / name).lexically_normal().string());
    }
  }
  return hash_files(files);
}

uint64_t hash_of_build() {
  std::set<std::string> files = {fs::read_symlink("/proc/self/exe").string()};
  Dl_info info = {};
  if (dladdr(reinterpret_cast<const void*>(&hexagent_version), &info) != 0) {
    files.insert(info.dli_fname);
  }
  return hash_files(files);
}

std::string version_text() {
  const uint32_t version = hexagent_version();
  return std::to_string(version >> 16) + "." + std::to_string((version >> 8) & 0xff) + "." +
         std::to_string(version & 0xff);
}

std::string hex(uint64_t value) {
  char text[20];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}

Json identity(const Manifest& manifest) {
  return {{"suite", manifest.suite},
          {"suite_hash", hex(manifest.suite_hash)},
          {"workflows_max", manifest.reduction.workflows_max},
          {"seeds_max", manifest.reduction.seeds_max},
          {"inputs_hash", hex(manifest.inputs_hash)},
          {"version", manifest.version},
          {"build_hash", hex(manifest.build_hash)}};
}

}  // namespace

Manifest make_manifest(const Suite& suite, const Reduction& reduction, const std::string& command) {
  Manifest manifest;
  manifest.suite = suite.name;
  manifest.suite_file = suite.path;
  manifest.version = version_text();
  manifest.command = command;
  manifest.suite_hash = suite.hash;
  manifest.inputs_hash = hash_of_inputs(suite);
  manifest.build_hash = hash_of_build();
  manifest.reduction = reduction;
  return manifest;
}

void settle_manifest(const std::string& folder, const Manifest& manifest) {
  fs::create_directories(folder);
  const std::string path = folder + "/manifest.json";
  const Json wanted = identity(manifest);
  if (!fs::exists(path)) {
    if (fs::exists(folder + "/records")) {
      throw std::runtime_error(folder + ": holds records but no manifest.json that tells of what");
    }
    Json whole = wanted;
    whole["command"] = manifest.command;
    whole["kind"] = "simulated";
    write_whole_file(path, whole.dump(2) + "\n");
    return;
  }
  const Json known = Json::parse(read_text_file(path), nullptr, false);
  if (!known.is_object()) throw std::runtime_error(path + ": is not valid JSON");
  for (const auto& [key, value] : wanted.items()) {
    if (known.contains(key) && known[key] == value) continue;
    throw std::runtime_error(path + ": " + key + " differs: the records there are of another " +
                             "suite, input or build; choose another folder");
  }
}

}  // namespace hexagent::sim
