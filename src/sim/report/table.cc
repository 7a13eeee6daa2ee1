// Tables: see table.h.
#include "sim/report/table.h"

#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace hexagent::sim {
namespace {

__attribute__((format(printf, 1, 2))) std::string text(const char* format, ...) {
  char buffer[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  return buffer;
}

std::string number(double value) {
  if (std::isinf(value) || std::isnan(value)) return "inf";
  return text(value < 100.0 ? "%.2f" : "%.0f", value);
}

std::string interval(const Interval& value) {
  return number(value.value) + " [" + number(value.low) + ", " + number(value.high) + "]";
}

std::string ratio(const Interval& value) {
  return text("%.3f [%.3f, %.3f]", value.value, value.low, value.high);
}

std::string header(const CellInfo& cell) {
  std::string traces;
  for (const std::string& trace : cell.traces) traces += (traces.empty() ? "" : " + ") + trace;
  std::string out =
      text("simulated: %s on %s, %s\n", traces.c_str(), cell.cluster.c_str(), cell.model.c_str());
  if (cell.drain_factor > 0.0) {
    out += text("drain of %u workflows at %.2f x lambda*", cell.workflows, cell.drain_factor);
  } else {
    out += text("load %.2f = %.4g workflows/s", cell.load, cell.rate_per_s);
  }
  out += text(", lambda* %.4g workflows/s (%s-bound), %s arrivals%s\n", cell.lambda_star,
              cell.binding_resource.c_str(), cell.arrivals.c_str(),
              cell.closed_loop ? ", closed loop by session" : "");
  out +=
      text("%u workflows x %zu seeds (%llu-%llu), warm-up %.0f s, H mean %.2f s, p95 %.2f s\n",
           cell.workflows, cell.seeds.size(), static_cast<unsigned long long>(cell.seeds.front()),
           static_cast<unsigned long long>(cell.seeds.back()), cell.warmup_s, cell.horizon_mean_s,
           cell.horizon_p95_s);
  std::string special;
  for (const std::string& line : cell.cluster_lines) special += "; cluster line: " + line;
  if (cell.lengths != "predictor") special += "; output lengths: " + cell.lengths;
  if (cell.model_error > 0.0) special += text("; times told wrong by %g", cell.model_error);
  if (cell.learns_online) special += "; learning goes on while measuring";
  if (cell.measures_links) special += "; links are measured";
  if (!cell.lost_worker.empty()) special += "; lost: " + cell.lost_worker;
  if (cell.gaps_sampled > 0) {
    special += text("; %lld tool gaps are synthetic", static_cast<long long>(cell.gaps_sampled));
  }
  if (!special.empty()) out += special.substr(2) + "\n";
  if (cell.give_up_stretch > 0.0) {
    out +=
        text("runs stop once Req95 is sure to be above %g; it is then inf\n", cell.give_up_stretch);
  }
  out += text(
      "decode binding %s, round trip %g ms; excluded %lld (context %lld, KV %lld); tool gaps "
      "unknown %lld, capped %lld\n",
      cell.decode_binding.c_str(), cell.round_trip_ms, static_cast<long long>(cell.excluded),
      static_cast<long long>(cell.excluded_over_context),
      static_cast<long long>(cell.excluded_over_capacity),
      static_cast<long long>(cell.gaps_unknown), static_cast<long long>(cell.gaps_capped));
  return out;
}

std::vector<std::string> row(const PolicySummary& policy, bool first) {
  const bool loses = !first && (policy.ratio95.low > 1.0 || policy.ratio99.low > 1.0);
  return {policy.policy + (loses ? " *" : ""),
          interval(policy.req95),
          interval(policy.req99),
          first ? "" : ratio(policy.ratio95),
          first ? "" : ratio(policy.ratio99),
          number(policy.mean),
          number(policy.p50),
          number(policy.max),
          text("%.3f", policy.hit_rate),
          text("%.2f/%.2f", policy.use.prefill, policy.use.decode),
          text("%.2f/%.2f", policy.use.egress, policy.use.ingress),
          text("%.2f/%.2f", policy.use.kv_prefill, policy.use.kv_decode),
          text("%.1f", policy.planner_us_p99),
          text("x%.0f", policy.speedup),
          policy.overload ? "overload" : ""};
}

}  // namespace

std::string comparison_table(const Comparison& comparison) {
  std::vector<std::vector<std::string>> rows;
  rows.push_back({"policy", "Req95", "Req99", "first/this 95", "first/this 99", "mean", "p50",
                  "max", "hits", "use P/D", "out/in", "KV P/D", "p99 us", "speed", ""});
  for (const PolicySummary& policy : comparison.policies) {
    rows.push_back(row(policy, &policy == &comparison.policies.front()));
  }
  std::vector<size_t> widths(rows.front().size(), 0);
  for (const auto& cells : rows) {
    for (size_t i = 0; i < cells.size(); ++i) widths[i] = std::max(widths[i], cells[i].size());
  }
  std::string out = header(comparison.cell);
  for (const auto& cells : rows) {
    std::string line;
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::string pad(widths[i] - cells[i].size(), ' ');
      line += i == 0 ? cells[i] + pad : "  " + pad + cells[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string sustained_table(const std::vector<SustainedSummary>& summaries, double req95_max) {
  std::string out = text("simulated: largest load with Req95 up to %g\n", req95_max);
  for (const SustainedSummary& row : summaries) {
    out += text("%-28s %s  first/this %s  (%zu seeds)\n", row.policy.c_str(),
                ratio(row.load).c_str(), ratio(row.first_over_this).c_str(), row.seeds);
  }
  return out;
}

std::string bounds_table(const Comparison& comparison) {
  if (comparison.bounds.empty()) return "";
  std::string out = "bounds (C1: clairvoyant, reached; fluid: nothing can be below):\n";
  for (const SeedBounds& seed : comparison.bounds) {
    out += text("seed %llu: C1 %s/%s (%s, %s), C2 %s/%s after %llu steps, ",
                static_cast<unsigned long long>(seed.seed), number(seed.c1_95).c_str(),
                number(seed.c1_99).c_str(), seed.schedule95.c_str(), seed.schedule99.c_str(),
                number(seed.c2_95).c_str(), number(seed.c2_99).c_str(),
                static_cast<unsigned long long>(seed.search_steps));
    out += seed.fluid_95 > 0.0
               ? text("fluid %s/%s\n", number(seed.fluid_95).c_str(), number(seed.fluid_99).c_str())
               : "no fluid bound (closed loop)\n";
  }
  for (const PolicySummary& policy : comparison.policies) {
    out += text("%s over C1: %s / %s", policy.policy.c_str(), ratio(policy.over_c1_95).c_str(),
                ratio(policy.over_c1_99).c_str());
    if (policy.over_fluid_95.value > 0.0) {
      out +=
          text(", over fluid: %.3f / %.3f", policy.over_fluid_95.value, policy.over_fluid_99.value);
    }
    out += "\n";
  }
  return out;
}

std::string comparison_csv(const Comparison& comparison) {
  std::string out =
      "policy,req95,req95_low,req95_high,req99,req99_low,req99_high,ratio95,ratio95_low,"
      "ratio95_high,ratio99,ratio99_low,ratio99_high,mean,p50,max,jain,hit_rate,use_prefill,"
      "use_decode,use_egress,use_ingress,kv_prefill,kv_decode,unfinished,preemptions,"
      "planner_us_p99,overload\n";
  for (const PolicySummary& p : comparison.policies) {
    out += p.policy;
    for (const Interval* value : {&p.req95, &p.req99, &p.ratio95, &p.ratio99}) {
      out += text(",%.6g,%.6g,%.6g", value->value, value->low, value->high);
    }
    out += text(",%.6g,%.6g,%.6g,%.6g,%.6g", p.mean, p.p50, p.max, p.jain, p.hit_rate);
    out += text(",%.4f,%.4f,%.4f,%.4f,%.4f,%.4f", p.use.prefill, p.use.decode, p.use.egress,
                p.use.ingress, p.use.kv_prefill, p.use.kv_decode);
    out +=
        text(",%llu,%llu,%.3g,%d\n", static_cast<unsigned long long>(p.unfinished),
             static_cast<unsigned long long>(p.preemptions), p.planner_us_p99, p.overload ? 1 : 0);
  }
  return out;
}

std::string workflows_csv(const std::vector<std::vector<RunResult>>& results) {
  std::string out = "policy,seed,workflow,class,arrival_s,completion_s,horizon_s,stretch\n";
  for (const auto& runs : results) {
    for (const RunResult& run : runs) {
      for (const WorkflowRecord& record : run.workflows) {
        if (!record.measured) continue;
        out += run.policy;
        out += text(",%llu,%llu,", static_cast<unsigned long long>(run.seed),
                    static_cast<unsigned long long>(record.index));
        out += run.class_names[record.class_index];
        out += text(",%.6f,%.6f,%.6f,%.6f\n", record.arrival_s, record.completion_s,
                    record.horizon_s, record.completion_s / record.horizon_s);
      }
    }
  }
  return out;
}

}  // namespace hexagent::sim
