// Record files: see record_file.h.
#include "sim/study/record_file.h"

#include <algorithm>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <limits>
#include <map>
#include <vector>

#include "sim/cluster/csv_table.h"
#include "sim/input_error.h"

namespace hexagent::sim {
namespace {

constexpr std::string_view kFirstLine = "# hexagent record 1";
constexpr std::string_view kColumns = "workflow,class,arrival_s,completion_s,horizon_s,stretch";

__attribute__((format(printf, 2, 3))) void add(std::string* out, const char* format, ...) {
  char buffer[320];
  va_list arguments;
  va_start(arguments, format);
  const int size = std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  out->append(buffer, std::min(static_cast<size_t>(size), sizeof(buffer) - 1));
}

// Class names come from trace files; a comma would be a column of its own.
std::string column_text(std::string text) {
  for (char& letter : text) {
    if (letter == ',' || letter == '"' || static_cast<unsigned char>(letter) < ' ') letter = '_';
  }
  return text;
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& path) : text_(text), path_(path) {}

  bool at_end() const { return text_.empty(); }
  bool at_comment() const { return text_.starts_with("# "); }

  std::vector<std::string> line(char separator) {
    ++number_;
    const size_t end = text_.find('\n');
    if (end == std::string_view::npos) fail("ends in the middle of a line");
    std::string_view line = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    std::vector<std::string> parts;
    for (size_t begin = 0; begin <= line.size();) {
      const size_t next = std::min(line.find(separator, begin), line.size());
      parts.emplace_back(line.substr(begin, next - begin));
      begin = next + 1;
    }
    return parts;
  }
  std::string whole_line() {
    const std::vector<std::string> parts = line('\n');
    return parts.front();
  }

  double number(const std::string& text) const {
    if (text == "inf") return std::numeric_limits<double>::infinity();
    double value = 0.0;
    if (!parse_number(text, value)) fail("holds what is no number: " + text.substr(0, 40));
    return value;
  }
  uint64_t count(const std::string& text) const {
    uint64_t value = 0;
    const char* end = text.data() + text.size();
    const auto [rest, code] = std::from_chars(text.data(), end, value);
    if (code != std::errc() || rest != end) fail("holds what is no count: " + text.substr(0, 40));
    return value;
  }
  [[noreturn]] void fail(const std::string& message) const {
    throw InputError(path_, number_, "record", message);
  }

 private:
  std::string_view text_;
  const std::string& path_;
  int64_t number_ = 0;
};

// One `# key value...` line into the run; true when the key is known.
bool read_key(const Reader& reader, const std::vector<std::string>& words, RunResult* run) {
  const std::string& key = words[1];
  const auto value = [&](size_t i) { return reader.number(words[1 + i]); };
  if (key == "policy" && words.size() == 3) {
    run->policy = words[2];
  } else if (key == "seed" && words.size() == 3) {
    run->seed = reader.count(words[2]);
  } else if (key == "counts" && words.size() == 5) {
    run->unfinished = reader.count(words[2]);
    run->preemptions = reader.count(words[3]);
    run->decision_hash = reader.count(words[4]);
  } else if (key == "shares" && words.size() == 4) {
    run->prefix_hit_rate = value(1);
    run->extrapolated_share = value(2);
  } else if (key == "use" && words.size() == 8) {
    run->utilisation = {value(1), value(2), value(3), value(4), value(5), value(6)};
  } else if (key == "simulated_s" && words.size() == 3) {
    run->simulated_s = value(1);
  } else if (key == "wall" && words.size() == 5) {
    run->planner_us_p50 = value(1);
    run->planner_us_p99 = value(2);
    run->wall_s = value(3);
  } else {
    return false;
  }
  return true;
}

}  // namespace

std::string record_text(const RunResult& run) {
  std::string out(kFirstLine);
  out += "\n# policy " + run.policy + "\n";
  add(&out, "# seed %llu\n", static_cast<unsigned long long>(run.seed));
  add(&out, "# counts %llu %llu %llu\n", static_cast<unsigned long long>(run.unfinished),
      static_cast<unsigned long long>(run.preemptions),
      static_cast<unsigned long long>(run.decision_hash));
  add(&out, "# shares %.9g %.9g\n", run.prefix_hit_rate, run.extrapolated_share);
  const Utilisation& use = run.utilisation;
  add(&out, "# use %.9g %.9g %.9g %.9g %.9g %.9g\n", use.prefill, use.decode, use.egress,
      use.ingress, use.kv_prefill, use.kv_decode);
  add(&out, "# simulated_s %.9g\n", run.simulated_s);
  add(&out, "# wall %.9g %.9g %.9g\n", run.planner_us_p50, run.planner_us_p99, run.wall_s);
  out += kColumns;
  out += "\n";
  for (const WorkflowRecord& record : run.workflows) {
    if (!record.measured) continue;
    add(&out, "%llu,%s,%.9f,%.9f,%.9f,%.6f\n", static_cast<unsigned long long>(record.index),
        column_text(run.class_names[record.class_index]).c_str(), record.arrival_s,
        record.completion_s, record.horizon_s, record.completion_s / record.horizon_s);
  }
  out += "# end\n";
  return out;
}

RunResult parse_record(std::string_view text, const std::string& path) {
  Reader reader(text, path);
  if (reader.whole_line() != kFirstLine) reader.fail("is no record of this version");
  RunResult run;
  int keys = 0;
  while (reader.at_comment()) {
    if (!read_key(reader, reader.line(' '), &run)) reader.fail("is no line of a record's head");
    ++keys;
  }
  if (keys != 7) reader.fail("lacks part of its head");
  if (reader.whole_line() != kColumns) reader.fail("has other columns");
  std::map<std::string, uint32_t> classes;
  while (!reader.at_end() && !reader.at_comment()) {
    const std::vector<std::string> parts = reader.line(',');
    if (parts.size() != 6) reader.fail("has not six columns");
    WorkflowRecord record;
    record.index = reader.count(parts[0]);
    const auto [place, is_new] =
        classes.emplace(parts[1], static_cast<uint32_t>(run.class_names.size()));
    if (is_new) run.class_names.push_back(parts[1]);
    record.class_index = place->second;
    record.arrival_s = reader.number(parts[2]);
    record.completion_s = reader.number(parts[3]);
    record.horizon_s = reader.number(parts[4]);
    if (!(record.horizon_s > 0.0)) reader.fail("has no horizon");
    record.measured = true;
    run.workflows.push_back(record);
  }
  if (reader.at_end() || reader.whole_line() != "# end" || !reader.at_end()) {
    reader.fail("does not end as a record does");
  }
  return run;
}

}  // namespace hexagent::sim
