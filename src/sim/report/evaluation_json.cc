// Evaluation as JSON and CSV: see evaluation_json.h.
#include "sim/report/evaluation_json.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "sim/report/json_parts.h"

namespace hexagent::sim {
namespace {

__attribute__((format(printf, 1, 2))) std::string text(const char* format, ...) {
  char buffer[320];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  return buffer;
}

Json ratio_json(const PairedRatio& pair) {
  Json value = interval_json(pair.ratio);
  value["at_most"] = pair.bounded;
  return value;
}

template <class Entries, class Make>
Json array_of(const Entries& entries, Make make) {
  Json array = Json::array();
  for (const auto& entry : entries) array.push_back(make(entry));
  return array;
}

Json sustained_json(const SustainedSummary& row) {
  return {{"policy", row.policy},
          {"load", interval_json(row.load)},
          {"first_over_this", interval_json(row.first_over_this)},
          {"seeds", row.seeds}};
}

Json cell_result_json(const CellResult& cell) {
  const int64_t excluded = cell.comparison.cell.excluded;
  Json policies = Json::array();
  for (size_t i = 0; i < cell.comparison.policies.size(); ++i) {
    Json entry = policy_json(cell.comparison.policies[i], excluded);
    // Those of `compare` clamp where a Req is infinite; here they are bounded.
    entry.erase("ratio95");
    entry.erase("ratio99");
    if (i > 0) {
      entry["subject_over_this95"] = ratio_json(cell.rivals[i - 1].req95);
      entry["subject_over_this99"] = ratio_json(cell.rivals[i - 1].req99);
    }
    policies.push_back(std::move(entry));
  }
  Json strongest = Json::object();
  for (const GroupResult& group : cell.groups) {
    strongest[group.group] = {{"req95", cell.rivals[group.strongest95].policy},
                              {"req99", cell.rivals[group.strongest99].policy}};
  }
  return {{"name", cell.spec.name},
          {"why", cell.spec.why},
          {"kind", name_of(cell.kind)},
          {"cell", cell_json(cell.comparison.cell)},
          {"strongest_chosen_on", cell.tuned ? "tuning seeds" : "test seeds"},
          {"strongest", strongest},
          {"bounds", bounds_json(cell.comparison.bounds)},
          {"sustained", array_of(cell.sustained, sustained_json)},
          {"policies", policies}};
}

Json summary_json(const Summary& summary) {
  return {{"of", summary.of},
          {"strongest_of_group", summary.is_group},
          {"kind", name_of(summary.kind)},
          {"cells", summary.cells},
          {"ratio95", interval_json(summary.ratio95)},
          {"ratio99", interval_json(summary.ratio99)},
          {"wins95", summary.wins95},
          {"wins99", summary.wins99},
          {"losses95", summary.losses95},
          {"losses99", summary.losses99},
          {"silent95", summary.silent95},
          {"silent99", summary.silent99},
          {"largest_upper_bound95", number_json(summary.worst95)},
          {"largest_upper_bound99", number_json(summary.worst99)}};
}

}  // namespace

std::string evaluation_json(const Evaluation& evaluation, const Manifest& manifest) {
  const Json whole = {
      {"suite", evaluation.suite.name},
      {"about", evaluation.suite.about},
      {"kind", "simulated"},
      {"version", manifest.version},
      {"suite_hash", text("%016llx", static_cast<unsigned long long>(manifest.suite_hash))},
      {"workflows_max", manifest.reduction.workflows_max},
      {"seeds_max", manifest.reduction.seeds_max},
      {"subject", evaluation.suite.subject},
      {"ratios", "subject over rival; below 1 the subject is better"},
      {"losses", array_of(evaluation.losses,
                          [](const Loss& loss) -> Json {
                            return {{"cell", loss.cell},
                                    {"policy", loss.policy},
                                    {"quantile", loss.percent},
                                    {"ratio", interval_json(loss.ratio)}};
                          })},
      {"summaries", array_of(evaluation.summaries, summary_json)},
      {"ablations", array_of(evaluation.ablations, summary_json)},
      {"incomplete", evaluation.incomplete},
      {"not_covered", evaluation.suite.not_covered},
      {"cells", array_of(evaluation.cells, cell_result_json)}};
  return whole.dump(1) + "\n";
}

std::string evaluation_csv(const Evaluation& evaluation) {
  std::string out =
      "cell,kind,policy,req95,req95_low,req95_high,req99,req99_low,req99_high,over95,over95_low,"
      "over95_high,over99,over99_low,over99_high,mean,p50,max,jain,hit_rate,use_prefill,use_decode,"
      "use_egress,use_ingress,kv_prefill,kv_decode,growth,unfinished,preemptions,over_c1_95,over_"
      "c1_99,over_fluid_95,over_fluid_99\n";
  for (const CellResult& cell : evaluation.cells) {
    for (size_t i = 0; i < cell.comparison.policies.size(); ++i) {
      const PolicySummary& p = cell.comparison.policies[i];
      out += cell.spec.name + "," + name_of(cell.kind) + "," + p.policy;
      for (const Interval* value : {&p.req95, &p.req99}) {
        out += text(",%.6g,%.6g,%.6g", value->value, value->low, value->high);
      }
      const Interval own = {1.0, 1.0, 1.0};
      const Interval& over95 = i == 0 ? own : cell.rivals[i - 1].req95.ratio;
      const Interval& over99 = i == 0 ? own : cell.rivals[i - 1].req99.ratio;
      out += text(",%.6g,%.6g,%.6g", over95.value, over95.low, over95.high);
      out += text(",%.6g,%.6g,%.6g", over99.value, over99.low, over99.high);
      out += text(",%.6g,%.6g,%.6g,%.6g,%.6g", p.mean, p.p50, p.max, p.jain, p.hit_rate);
      out += text(",%.4f,%.4f,%.4f,%.4f,%.4f,%.4f", p.use.prefill, p.use.decode, p.use.egress,
                  p.use.ingress, p.use.kv_prefill, p.use.kv_decode);
      out += text(",%.4g,%llu,%llu", p.growth, static_cast<unsigned long long>(p.unfinished),
                  static_cast<unsigned long long>(p.preemptions));
      for (const Interval* value :
           {&p.over_c1_95, &p.over_c1_99, &p.over_fluid_95, &p.over_fluid_99}) {
        out += value->value > 0.0 ? text(",%.6g", value->value) : ",";
      }
      out += "\n";
    }
  }
  return out;
}

std::string timing_csv(const Evaluation& evaluation) {
  std::string out = "cell,policy,planner_us_p50,planner_us_p99,simulated_over_wall\n";
  for (const CellResult& cell : evaluation.cells) {
    for (const PolicySummary& p : cell.comparison.policies) {
      out += cell.spec.name + "," + p.policy +
             text(",%.3g,%.3g,%.4g\n", p.planner_us_p50, p.planner_us_p99, p.speedup);
    }
  }
  return out;
}

}  // namespace hexagent::sim
