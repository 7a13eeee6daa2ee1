// The HTML report: see html_report.h. Small pieces are in html_parts.h.
#include "sim/report/html_report.h"

#include <algorithm>
#include <cmath>

#include "sim/report/html_parts.h"
#include "sim/report/svg.h"

namespace hexagent::sim {
namespace {

using html::escaped;
using html::format;
using html::Table;

constexpr size_t kCurvesMax = 6;

const char* meaning_of(CellKind kind) {
  switch (kind) {
    case CellKind::kLight:
      return "steady, load below 0.8";
    case CellKind::kLoaded:
      return "steady, load 0.8 and above";
    case CellKind::kDrain:
      return "overload drains";
    case CellKind::kOverload:
      break;
  }
  return "steady load that the subject does not sustain";
}

void add_head(const Evaluation& evaluation, const Manifest& manifest, std::string* out) {
  const Suite& suite = evaluation.suite;
  *out +=
      "<h1>Evaluation: " + escaped(suite.name) + "<span class=\"badge\">simulated</span></h1>\n";
  *out += "<p>" + escaped(suite.about) + "</p>\n";
  *out += format("<p class=\"soft\">%zu cells, libhexagent %s, suite %016llx. ",
                 evaluation.cells.size(), manifest.version.c_str(),
                 static_cast<unsigned long long>(manifest.suite_hash));
  *out += "All ratios are <b>" + escaped(suite.subject) +
          "</b> over the rival, of Req95 or Req99 (completion time over the workflow's time alone, "
          "the scale that 95 % or 99 % of workflows stay below): below 1 it is better. Brackets "
          "are 95 % bootstrap intervals.</p>\n";
  *out += "<p><code>" + escaped(manifest.command) + "</code></p>\n";
  if (manifest.reduction.workflows_max > 0 || manifest.reduction.seeds_max > 0) {
    *out += format(
        "<p class=\"bad\">A quick look: at most %u workflows and %u seeds a cell (0 = as "
        "the suite says). Not the suite's result.</p>\n",
        manifest.reduction.workflows_max, manifest.reduction.seeds_max);
  }
  if (evaluation.incomplete.empty()) return;
  *out += "<p class=\"bad\">Not complete, left out:";
  for (const std::string& name : evaluation.incomplete) *out += " " + escaped(name);
  *out += "</p>\n";
}

std::string link(const std::string& cell) {
  return "<a href=\"#" + escaped(cell) + "\">" + escaped(cell) + "</a>";
}

void add_losses(const Evaluation& evaluation, std::string* out) {
  *out += "<h2>Where " + escaped(evaluation.suite.subject) + " loses</h2>\n";
  if (evaluation.losses.empty()) {
    *out += "<p>No cell in which the whole interval against any rival is above 1.</p>\n";
    return;
  }
  Table table({"cell", "against", "quantile", "ratio", "worse by", ""}, 2);
  for (const Loss& loss : evaluation.losses) {
    table.row({link(loss.cell), escaped(loss.policy), format("Req%d", loss.percent),
               html::ratio(loss.ratio), html::percent(loss.ratio),
               html::interval_mark(loss.ratio)});
  }
  *out += table.text();
}

std::string counts(size_t wins, size_t losses, size_t cells) {
  return format("<span class=\"good\">%zu</span> / <span class=\"%s\">%zu</span> of %zu", wins,
                losses > 0 ? "bad" : "soft", losses, cells);
}

void add_summary_rows(const std::vector<Summary>& summaries, bool groups, Table* table) {
  for (const Summary& row : summaries) {
    if (row.is_group != groups) continue;
    std::string cells = format("%zu", row.cells);
    const size_t silent = std::max(row.silent95, row.silent99);
    if (silent > 0) cells += format(" <span class=\"soft\">(%zu say nothing)</span>", silent);
    table->row({escaped(row.of), name_of(row.kind), cells, html::percent(row.ratio95),
                html::interval_mark(row.ratio95), html::percent(row.ratio99),
                counts(row.wins95, row.losses95, row.cells),
                counts(row.wins99, row.losses99, row.cells), html::plain(row.worst95)});
  }
}

const std::vector<std::string> kSummaryHead = {
    "against",           "cells",           "n",
    "Req95 mean change", "1/2 to 2",        "Req99 mean change",
    "95 better/worse",   "99 better/worse", "largest bound 95"};

void add_summaries_table(const Evaluation& evaluation, std::string* out) {
  *out += "<h2>Against the strongest rival of each group</h2>\n";
  *out +=
      "<p class=\"soft\">Geometric means over cells of one kind; intervals by drawing cells, then "
      "seeds. A rival whose run was stopped as hopeless counts with the bound that it was "
      "stopped at. Largest bound: the highest upper end of a cell's interval, Req95.</p>\n<ul>";
  for (const PolicyGroup& group : evaluation.suite.groups) {
    *out += "<li><b>" + escaped(group.name) + "</b>: " + escaped(group.about) + "</li>";
  }
  for (const CellKind kind : kCellKinds) {
    *out += format("<li><b>%s</b> cells: %s</li>", name_of(kind), meaning_of(kind));
  }
  *out += "</ul>\n";
  Table groups(kSummaryHead, 2);
  add_summary_rows(evaluation.summaries, true, &groups);
  *out += groups.text();
  *out += "<h2>Against every rival</h2>\n";
  Table rivals(kSummaryHead, 2);
  add_summary_rows(evaluation.summaries, false, &rivals);
  *out += rivals.text();
}

void add_ablations(const Evaluation& evaluation, std::string* out) {
  if (evaluation.ablations.empty()) return;
  *out += "<h2>Ablation</h2>\n<p class=\"soft\">" + escaped(evaluation.suite.subject) +
          " over itself with one switch changed: below 0 % the switch helps as it is.</p>\n";
  Table table(kSummaryHead, 2);
  add_summary_rows(evaluation.ablations, false, &table);
  *out += table.text();
}

std::string over_bound(const Interval& over95, const Interval& over99) {
  if (!(over95.value > 0.0)) return "";
  return html::plain(over95.value) + " / " + html::plain(over99.value);
}

void add_sustained(const Evaluation& evaluation, std::string* out) {
  Table table({"cell", "policy", "sustained load", "first over this", "1/2 to 2", "seeds"}, 2);
  bool any = false;
  for (const CellResult& cell : evaluation.cells) {
    for (const SustainedSummary& row : cell.sustained) {
      any = true;
      table.row({&row == &cell.sustained.front() ? link(cell.spec.name) : "", escaped(row.policy),
                 html::ratio(row.load), html::ratio(row.first_over_this),
                 html::interval_mark(row.first_over_this), format("%zu", row.seeds)});
    }
  }
  if (!any) return;
  *out +=
      "<h2>Sustained load</h2>\n<p class=\"soft\">The largest share of λ* at which Req95 is at "
      "most 2.5, bisected to 2 % on each seed with the same random numbers; geometric means over "
      "seeds with their bootstrap intervals, ratios paired by seed: above 1 the first sustains "
      "more.</p>\n" +
      table.text();
}

std::string cell_load(const CellInfo& info) {
  return info.drain_factor > 0.0 ? format("drain %g", info.drain_factor) : format("%g", info.load);
}

void add_cells_table(const Evaluation& evaluation, std::string* out) {
  *out += "<h2>Cells</h2>\n";
  Table table(
      {"cell", "kind", "group", "strongest (Req95)", "load", "bound by", "Req95", "Req95 ratio",
       "1/2 to 2", "Req99", "Req99 ratio", "Req95 / Req99 over C1", "over fluid"},
      4);
  for (const CellResult& cell : evaluation.cells) {
    const CellInfo& info = cell.comparison.cell;
    const PolicySummary& subject = cell.comparison.policies.front();
    for (const GroupResult& group : cell.groups) {
      const bool first = &group == &cell.groups.front();
      const PairedRatio& req95 = cell.rivals[group.strongest95].req95;
      const PairedRatio& req99 = cell.rivals[group.strongest99].req99;
      table.row({first ? link(cell.spec.name) : "", first ? name_of(cell.kind) : "",
                 escaped(group.group), escaped(cell.rivals[group.strongest95].policy),
                 first ? cell_load(info) : "", first ? escaped(info.binding_resource) : "",
                 first ? html::plain(subject.req95.value) : "",
                 (req95.bounded ? "≤ " : "") + html::ratio(req95.ratio),
                 html::interval_mark(req95.ratio), first ? html::plain(subject.req99.value) : "",
                 (req99.bounded ? "≤ " : "") + html::ratio(req99.ratio),
                 first ? over_bound(subject.over_c1_95, subject.over_c1_99) : "",
                 first ? over_bound(subject.over_fluid_95, subject.over_fluid_99) : ""});
    }
  }
  *out += table.text();
}

// What the bounds are over, and where the fluid one is more than the time alone.
std::string bounds_facts(const Comparison& comparison) {
  if (comparison.bounds.empty()) return "";
  const PolicySummary& subject = comparison.policies.front();
  const SeedBounds& first = comparison.bounds.front();
  std::string text =
      format("; bounds on the first %zu seeds: over C1 %s / %s", comparison.bounds.size(),
             html::ratio(subject.over_c1_95).c_str(), html::ratio(subject.over_c1_99).c_str());
  if (first.search_steps == 0) text += " (no order search: C1 is what fixed schedules reached)";
  if (subject.over_fluid_95.value > 0.0) {
    text += format(", over fluid %s / %s", html::plain(subject.over_fluid_95.value).c_str(),
                   html::plain(subject.over_fluid_99.value).c_str());
  }
  return text;
}

std::string cell_facts(const CellResult& cell) {
  const CellInfo& info = cell.comparison.cell;
  std::string traces;
  for (const std::string& trace : info.traces) traces += (traces.empty() ? "" : " + ") + trace;
  std::string text = format(
      "%s on %s, %s; %s of λ* = %.4g workflows/s (%s-bound); %s arrivals%s; %u workflows × %zu "
      "seeds; warm-up %.0f s; H mean %.2f s, p95 %.2f s; decode binding %s, round trip %g ms",
      traces.c_str(), info.cluster.c_str(), info.model.c_str(), cell_load(info).c_str(),
      info.lambda_star, info.binding_resource.c_str(), info.arrivals.c_str(),
      info.closed_loop ? ", closed loop" : "", info.workflows, info.seeds.size(), info.warmup_s,
      info.horizon_mean_s, info.horizon_p95_s, info.decode_binding.c_str(), info.round_trip_ms);
  for (const std::string& line : info.cluster_lines) text += "; " + line;
  if (info.lengths != "predictor") text += "; output lengths: " + info.lengths;
  if (info.model_error > 0.0) text += format("; times told wrong by %g", info.model_error);
  if (info.learns_online) text += "; learning goes on while measuring";
  if (info.measures_links) text += "; links are measured";
  if (!info.lost_worker.empty()) text += "; lost: " + info.lost_worker;
  if (info.give_up_stretch > 0.0) text += format("; stopped above %g", info.give_up_stretch);
  text +=
      format("; excluded %lld; tool gaps unknown %lld, synthetic %lld, capped %lld",
             static_cast<long long>(info.excluded), static_cast<long long>(info.gaps_unknown),
             static_cast<long long>(info.gaps_sampled), static_cast<long long>(info.gaps_capped));
  text +=
      format("; growth of the subject's Req95 over its arrivals %s; strongest rivals chosen on %s",
             html::plain(cell.comparison.policies.front().growth).c_str(),
             cell.tuned ? "tuning seeds" : "the test seeds themselves");
  text += bounds_facts(cell.comparison);
  return text;
}

void add_cell(const CellResult& cell, const std::string& plot, std::string* out) {
  // The id is inside, so that a link to it opens the cell.
  *out += "<details><summary><b>" + escaped(cell.spec.name) + "</b><span class=\"soft\">" +
          escaped(cell.spec.why) + "</span></summary>\n<p class=\"soft\" id=\"" +
          escaped(cell.spec.name) + "\">" + escaped(cell_facts(cell)) + "</p>\n" + plot;
  Table table(
      {"policy", "Req95", "Req99", "ratio 95", "ratio 99", "over C1", "over fluid", "mean", "p50",
       "max", "Jain", "hits", "use P/D", "out/in", "KV P/D", "unfinished", "planner p99 µs"},
      1);
  for (size_t i = 0; i < cell.comparison.policies.size(); ++i) {
    const PolicySummary& p = cell.comparison.policies[i];
    const RivalResult* rival = i == 0 ? nullptr : &cell.rivals[i - 1];
    const auto ratio = [](const PairedRatio& pair) {
      return (pair.bounded && std::isfinite(pair.ratio.value) ? "≤ " : "") +
             html::ratio(pair.ratio);
    };
    table.row(
        {escaped(p.policy), html::req(p.req95), html::req(p.req99),
         rival == nullptr ? "" : ratio(rival->req95), rival == nullptr ? "" : ratio(rival->req99),
         over_bound(p.over_c1_95, p.over_c1_99), over_bound(p.over_fluid_95, p.over_fluid_99),
         html::plain(p.mean), html::plain(p.p50), html::plain(p.max), format("%.3f", p.jain),
         format("%.3f", p.hit_rate), format("%.2f/%.2f", p.use.prefill, p.use.decode),
         format("%.2f/%.2f", p.use.egress, p.use.ingress),
         format("%.2f/%.2f", p.use.kv_prefill, p.use.kv_decode),
         format("%llu", static_cast<unsigned long long>(p.unfinished)),
         format("%.1f", p.planner_us_p99)},
        i == 0 ? "first" : "");
  }
  *out += table.text();
  Table classes({"class", "Req95 of " + cell.comparison.policies.front().policy}, 1);
  for (const auto& [name, value] : cell.comparison.policies.front().class_req95) {
    classes.row({escaped(name), html::plain(value)});
  }
  if (cell.comparison.policies.front().class_req95.size() > 1) *out += classes.text();
  *out += "</details>\n";
}

}  // namespace

std::string cell_plot(const CellResult& cell, const std::vector<std::vector<RunResult>>& runs) {
  std::vector<size_t> chosen = {0};
  const auto choose = [&](size_t rival) {
    const size_t policy = rival + 1;
    if (chosen.size() < kCurvesMax &&
        std::find(chosen.begin(), chosen.end(), policy) == chosen.end()) {
      chosen.push_back(policy);
    }
  };
  for (const GroupResult& group : cell.groups) choose(group.strongest95);
  for (const GroupResult& group : cell.groups) choose(group.strongest99);
  Comparison shown;
  shown.cell = cell.comparison.cell;
  std::vector<std::vector<RunResult>> shown_runs;
  for (const size_t policy : chosen) {
    shown.policies.push_back(cell.comparison.policies[policy]);
    shown_runs.push_back(runs[policy]);
  }
  std::string svg = attainment_svg(shown, shown_runs);
  const std::string element = "<svg ";
  if (svg.starts_with(element)) svg.insert(element.size(), "class=\"plot\" ");
  return svg;
}

std::string evaluation_html(const Evaluation& evaluation, const Manifest& manifest,
                            const std::map<std::string, std::string>& plots) {
  std::string out = html::page_begin("Evaluation: " + evaluation.suite.name);
  add_head(evaluation, manifest, &out);
  add_losses(evaluation, &out);
  add_summaries_table(evaluation, &out);
  add_sustained(evaluation, &out);
  add_ablations(evaluation, &out);
  add_cells_table(evaluation, &out);
  out += "<h2>Each cell</h2>\n";
  for (const CellResult& cell : evaluation.cells) {
    const auto plot = plots.find(cell.spec.name);
    add_cell(cell, plot == plots.end() ? "" : plot->second, &out);
  }
  if (!evaluation.suite.not_covered.empty()) {
    out += "<h2>Not covered</h2>\n<ul>";
    for (const std::string& text : evaluation.suite.not_covered) {
      out += "<li>" + escaped(text) + "</li>\n";
    }
    out += "</ul>\n";
  }
  return out + "</body>\n</html>\n";
}

}  // namespace hexagent::sim
