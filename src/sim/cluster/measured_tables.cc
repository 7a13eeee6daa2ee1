// Readers of prefill.csv and decode.csv.
#include "sim/cluster/csv_table.h"
#include "sim/cluster/measured.h"

namespace hexagent::sim {
namespace {

constexpr int64_t kTokensMax = int64_t{1} << 32;
constexpr double kMillisecondsMax = 1e9;

// Positions of the columns that both tables have.
struct CommonColumns {
  size_t gpu;
  size_t model;
  size_t tensor_parallel;
  size_t batch;
  size_t total_ms;
  size_t attention_ms;

  CommonColumns(const CsvTable& table, const char* total_name)
      : gpu(table.column("gpu")),
        model(table.column("model")),
        tensor_parallel(table.column("tensor_parallel")),
        batch(table.column("batch")),
        total_ms(table.column(total_name)),
        attention_ms(table.column("of_which_attention_ms")) {}

  ProfileKey key(const CsvTable& table, size_t row) const {
    return {table.text(row, gpu), table.text(row, model),
            static_cast<int32_t>(table.integer(row, tensor_parallel, 1, 64))};
  }
  // Batch and times, the same fields in both kinds of row.
  template <typename Row>
  void read(const CsvTable& table, size_t row, Row& out) const {
    out.batch = table.integer(row, batch, 1, 1 << 20);
    out.total_s = table.number(row, total_ms, 0.0, kMillisecondsMax) * 1e-3;
    out.attention_s = table.number(row, attention_ms, 0.0, kMillisecondsMax) * 1e-3;
    // Both parts are interpolated in logarithms, which zero has none of.
    if (!(out.attention_s > 0.0)) table.fail(row, attention_ms, "must be above 0");
    if (out.attention_s >= out.total_s) table.fail(row, attention_ms, "is not below the total");
  }
};

void load_prefill(const std::string& path, MeasuredTables& tables) {
  const CsvTable table = CsvTable::load(path);
  const CommonColumns common(table, "prefill_ms");
  const size_t new_column = table.column("prompt_new_tokens");
  const size_t cached_column = table.column("cached_tokens");
  for (size_t row = 0; row < table.row_count(); ++row) {
    PrefillRow entry;
    common.read(table, row, entry);
    entry.new_tokens = table.integer(row, new_column, 1, kTokensMax);
    entry.cached_tokens = table.integer(row, cached_column, 0, kTokensMax);
    tables[common.key(table, row)].prefill.push_back(entry);
  }
}

void load_decode(const std::string& path, MeasuredTables& tables) {
  const CsvTable table = CsvTable::load(path);
  const CommonColumns common(table, "decode_iter_ms");
  const size_t context_column = table.column("context_tokens_per_request");
  for (size_t row = 0; row < table.row_count(); ++row) {
    DecodeRow entry;
    common.read(table, row, entry);
    entry.context_tokens = table.integer(row, context_column, 1, kTokensMax);
    tables[common.key(table, row)].decode.push_back(entry);
  }
}

}  // namespace

MeasuredTables load_measured_tables(const std::string& prefill_path,
                                    const std::string& decode_path) {
  MeasuredTables tables;
  load_prefill(prefill_path, tables);
  load_decode(decode_path, tables);
  return tables;
}

}  // namespace hexagent::sim
