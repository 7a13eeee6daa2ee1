// Validation: see validate.h.
#include "sim/validate/validate.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <map>
#include <optional>
#include <tuple>

#include "sim/cluster/csv_table.h"
#include "sim/input_error.h"
#include "sim/validate/lone_engine.h"

namespace hexagent::sim {
namespace {

namespace fs = std::filesystem;

constexpr double kTimeMax = 1e9;
constexpr int64_t kTokensMax = 1 << 20;

// Models of the same shape as one that has kernel times, but for the size of the vocabulary.
std::string measured_model(const std::string& model) {
  if (model == "llama-2-70b" || model == "llama-3-70b") return "llama-3.1-70b";
  if (model == "llama-3-8b") return "llama-3.1-8b";
  return model;
}

class Collector {
 public:
  Collector(std::string folder, const ProfileSet& profiles)
      : folder_(std::move(folder)), profiles_(profiles) {}

  bool open(const char* name) {
    const fs::path path = fs::path(folder_) / name;
    if (!fs::exists(path)) return false;
    name_ = name;
    table_.emplace(CsvTable::load(path.string()));
    return true;
  }
  size_t rows() const { return table_->row_count(); }

  // Kernel times of a row's server; none when it was not measured.
  std::optional<MeasuredProfile> truth(size_t row) const {
    const ProfileKey key = {text(row, "gpu"), measured_model(text(row, "model")),
                            static_cast<int32_t>(integer(row, "tensor_parallel"))};
    const auto rows = profiles_.measured.find(key);
    const auto fitted = profiles_.fitted.entries.find(key);
    if (rows == profiles_.measured.end() || fitted == profiles_.fitted.entries.end()) return {};
    return MeasuredProfile(rows->second, fitted->second);
  }
  LoneLoad load(size_t row, const char* batch) const {
    return {integer(row, "prompt_tokens"), integer(row, "output_tokens"),
            static_cast<int32_t>(integer(row, batch))};
  }
  const std::string& text(size_t row, const char* column) const {
    return table_->text(row, table_->column(column));
  }
  double seconds(size_t row, const char* column, double unit) const {
    return unit * table_->number(row, table_->column(column), 1e-9, kTimeMax);
  }
  void add(size_t row, const char* engine, const char* quantity, double simulated_s,
           double measured_s) {
    const std::string server = text(row, "gpu") + " " +
                               (engine != nullptr ? text(row, engine) + " " : "") +
                               text(row, "dtype");
    ratios_[{name_, server, quantity}].push_back(simulated_s / measured_s);
  }

  std::vector<EngineError> errors() const {
    std::vector<EngineError> result;
    for (const auto& [key, ratios] : ratios_) {
      std::vector<double> sorted = ratios;
      std::vector<double> errors;
      for (const double ratio : ratios) errors.push_back(std::fabs(ratio - 1.0));
      std::sort(sorted.begin(), sorted.end());
      std::sort(errors.begin(), errors.end());
      const auto rank = [&](double q) {
        return static_cast<size_t>(std::ceil(q * static_cast<double>(errors.size()))) - 1;
      };
      result.push_back({std::get<0>(key), std::get<1>(key), std::get<2>(key), ratios.size(),
                        sorted[rank(0.5)], errors[rank(0.5)], errors[rank(0.9)]});
    }
    return result;
  }

 private:
  int64_t integer(size_t row, const char* column) const {
    return table_->integer(row, table_->column(column), 1, kTokensMax);
  }

  std::string folder_;
  const ProfileSet& profiles_;
  std::string name_;
  std::optional<CsvTable> table_;
  std::map<std::tuple<std::string, std::string, std::string>, std::vector<double>> ratios_;
};

void add_phases(Collector* collector) {
  for (size_t row = 0; row < collector->rows(); ++row) {
    const auto truth = collector->truth(row);
    if (!truth) continue;
    const LoneLoad load = collector->load(row, "batch");
    collector->add(row, nullptr, "prefill", lone_prefill_s(*truth, load),
                   collector->seconds(row, "prefill_ms", 1e-3));
    collector->add(row, nullptr, "decode iteration", lone_iteration_s(*truth, load),
                   collector->seconds(row, "decode_iter_ms", 1e-3));
  }
}

void add_batches(Collector* collector) {
  for (size_t row = 0; row < collector->rows(); ++row) {
    const auto truth = collector->truth(row);
    if (!truth) continue;
    collector->add(row, "engine", "batch latency",
                   lone_batch_s(*truth, collector->load(row, "batch")),
                   collector->seconds(row, "batch_latency_s", 1.0));
  }
}

void add_serving(Collector* collector) {
  for (size_t row = 0; row < collector->rows(); ++row) {
    const auto truth = collector->truth(row);
    if (!truth) continue;
    const LoneServing served = lone_serving(*truth, collector->load(row, "concurrency"));
    collector->add(row, "engine", "first token", served.first_token_s,
                   collector->seconds(row, "ttft_ms", 1e-3));
    collector->add(row, "engine", "per token", served.per_token_s,
                   collector->seconds(row, "tpot_ms", 1e-3));
  }
}

}  // namespace

std::vector<EngineError> validate_engines(const std::string& folder, const ProfileSet& profiles) {
  Collector collector(folder, profiles);
  bool any = false;
  const auto add = [&](const char* name, void (*from)(Collector*)) {
    if (!collector.open(name)) return;
    any = true;
    from(&collector);
  };
  add("e2e_llama2_70b_a100_h100.csv", add_phases);
  add("e2e_batch_latency_h100.csv", add_batches);
  add("e2e_serving_h100_h200_fp8.csv", add_serving);
  if (!any) throw InputError(folder, 0, "folder", "has none of the end-to-end tables");
  return collector.errors();
}

std::string engine_errors_table(const std::vector<EngineError>& errors) {
  std::string out =
      "simulated over measured, engines alone (no hidden factors, no jitter)\n"
      "table                            server                        quantity          rows  "
      "median ratio  median error  p90 error\n";
  for (const EngineError& row : errors) {
    char line[256];
    std::snprintf(line, sizeof(line), "%-32s %-29s %-16s %5zu %13.3f %12.1f%% %9.1f%%\n",
                  row.table.c_str(), row.server.c_str(), row.quantity.c_str(), row.rows,
                  row.ratio_median, 100.0 * row.error_median, 100.0 * row.error_p90);
    out += line;
  }
  return out;
}

}  // namespace hexagent::sim
