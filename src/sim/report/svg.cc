// SVG: see svg.h.
#include "sim/report/svg.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

#include "sim/study/statistics.h"

namespace hexagent::sim {
namespace {

constexpr double kWidth = 860;
constexpr double kHeight = 480;
constexpr double kLeft = 64;
constexpr double kRight = 236;  // room for the legend
constexpr double kTop = 60;
constexpr double kBottom = 56;

// Okabe and Ito's palette, which colour-blind readers can tell apart.
constexpr const char* kColours[] = {"#D55E00", "#0072B2", "#009E73", "#CC79A7",
                                    "#E69F00", "#56B4E9", "#555555", "#B8A600"};
constexpr const char* kDashes[] = {"", "7 3", "2 3", "9 3 2 3"};

// No two of the first 32 curves look alike; neighbours differ in colour.
struct Style {
  const char* colour;
  const char* width;
  const char* dash;
};
Style style_of(size_t index) {
  const size_t round = index / std::size(kColours);
  return {kColours[index % std::size(kColours)], index == 0 ? "2.6" : "1.7",
          kDashes[(index / 2 + round) % std::size(kDashes)]};
}

__attribute__((format(printf, 2, 3))) void add(std::string* out, const char* format, ...) {
  char buffer[768];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  *out += buffer;
}

struct Axes {
  double scale_max = 20.0;

  double x(double scale) const {
    const double at = std::log(std::clamp(scale, 1.0, scale_max)) / std::log(scale_max);
    return kLeft + at * (kWidth - kLeft - kRight);
  }
  static double y(double share) { return kTop + (1.0 - share) * (kHeight - kTop - kBottom); }
};

std::string escaped_xml(const std::string& text) {
  std::string out;
  for (char letter : text) {
    if (letter == '<') {
      out += "&lt;";
    } else if (letter == '>') {
      out += "&gt;";
    } else if (letter == '&') {
      out += "&amp;";
    } else {
      out += letter;
    }
  }
  return out;
}

void add_grid(const Axes& axes, std::string* out) {
  for (double share : {0.0, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0}) {
    const bool goal = share == 0.95 || share == 0.99;
    add(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' stroke-width='1'%s/>\n",
        kLeft, kWidth - kRight, Axes::y(share), Axes::y(share), goal ? "#999999" : "#E4E4E4",
        goal ? " stroke-dasharray='3 3'" : "");
    if (share == 0.99) continue;  // its label would touch that of 1
    add(out, "<text x='%.1f' y='%.1f' text-anchor='end' fill='#333333'>%.0f %%</text>\n", kLeft - 8,
        Axes::y(share) + (share == 1.0    ? 1
                          : share == 0.95 ? 7
                                          : 4),
        share * 100);
  }
  for (double scale : {1.0, 1.2, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0}) {
    if (scale > axes.scale_max * 1.001) break;
    add(out, "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='#EEEEEE'/>\n", axes.x(scale),
        axes.x(scale), kTop, kHeight - kBottom);
    add(out, "<text x='%.1f' y='%.1f' text-anchor='middle' fill='#333333'>%g</text>\n",
        axes.x(scale), kHeight - kBottom + 18, scale);
  }
  add(out,
      "<text x='%.1f' y='%.1f' text-anchor='middle' fill='#333333'>SLO scale (completion over "
      "standalone horizon, log axis)</text>\n",
      0.5 * (kLeft + kWidth - kRight), kHeight - 14);
  add(out,
      "<text transform='translate(16,%.1f) rotate(-90)' text-anchor='middle' "
      "fill='#333333'>workflows within the scale</text>\n",
      0.5 * (kTop + kHeight - kBottom));
}

void add_curve(const Axes& axes, std::vector<double> stretches, size_t index, std::string* out) {
  std::sort(stretches.begin(), stretches.end());
  const double count = static_cast<double>(stretches.size());
  const Style style = style_of(index);
  add(out, "<polyline fill='none' stroke='%s' stroke-width='%s' stroke-dasharray='%s' points='",
      style.colour, style.width, style.dash);
  double drawn_x = axes.x(1.0);
  double drawn_y = Axes::y(0.0);
  add(out, "%.1f,%.1f", drawn_x, drawn_y);
  for (size_t i = 0; i < stretches.size(); ++i) {
    if (!(stretches[i] <= axes.scale_max)) break;
    const double x = axes.x(stretches[i]);
    const double y = Axes::y(static_cast<double>(i + 1) / count);
    // A step nobody could see is not drawn; the last one always is.
    if (x - drawn_x < 0.4 && drawn_y - y < 0.4 && i + 1 < stretches.size()) continue;
    add(out, " %.1f,%.1f %.1f,%.1f", x, drawn_y, x, y);
    drawn_x = x;
    drawn_y = y;
  }
  add(out, " %.1f,%.1f'/>\n", axes.x(axes.scale_max), drawn_y);
}

std::string legend_text(const PolicySummary& policy) {
  char buffer[160];
  if (std::isfinite(policy.req99.value)) {
    std::snprintf(buffer, sizeof(buffer), "%.2f / %.2f", policy.req95.value, policy.req99.value);
  } else if (std::isfinite(policy.req95.value)) {
    std::snprintf(buffer, sizeof(buffer), "%.2f / never", policy.req95.value);
  } else {
    std::snprintf(buffer, sizeof(buffer), "never");
  }
  return buffer;
}

void add_legend(const Comparison& comparison, std::string* out) {
  const double x = kWidth - kRight + 18;
  add(out, "<text x='%.1f' y='%.1f' fill='#666666'>policy: Req95 / Req99</text>\n", x, kTop + 6);
  for (size_t i = 0; i < comparison.policies.size(); ++i) {
    const PolicySummary& policy = comparison.policies[i];
    const double y = kTop + 30 + 34 * static_cast<double>(i);
    const Style style = style_of(i);
    add(out,
        "<line x1='%.1f' x2='%.1f' y1='%.1f' y2='%.1f' stroke='%s' stroke-width='%s' "
        "stroke-dasharray='%s'/>\n",
        x, x + 26, y, y, style.colour, style.width, style.dash);
    add(out, "<text x='%.1f' y='%.1f' fill='#111111'>%s</text>\n", x + 34, y + 1,
        escaped_xml(policy.policy).c_str());
    add(out, "<text x='%.1f' y='%.1f' fill='#666666'>%s</text>\n", x + 34, y + 15,
        legend_text(policy).c_str());
  }
}

}  // namespace

std::string attainment_svg(const Comparison& comparison,
                           const std::vector<std::vector<RunResult>>& results) {
  const CellInfo& cell = comparison.cell;
  Axes axes;
  double widest = 1.0;
  for (const PolicySummary& policy : comparison.policies) {
    if (std::isfinite(policy.req99.value)) widest = std::max(widest, policy.req99.value);
  }
  for (double limit : {3.0, 5.0, 10.0, 20.0, 50.0, 100.0, 300.0, 1000.0}) {
    axes.scale_max = limit;
    if (limit >= 1.25 * widest) break;
  }
  std::string out;
  add(&out,
      "<svg xmlns='http://www.w3.org/2000/svg' width='%.0f' height='%.0f' "
      "viewBox='0 0 %.0f %.0f' font-family='Helvetica, Arial, sans-serif' font-size='12'>\n",
      kWidth, kHeight, kWidth, kHeight);
  add(&out, "<rect width='%.0f' height='%.0f' fill='#FFFFFF'/>\n", kWidth, kHeight);
  std::string traces;
  for (const std::string& trace : cell.traces) traces += (traces.empty() ? "" : " + ") + trace;
  add(&out, "<text x='%.1f' y='26' font-size='15' fill='#111111'>%s on %s, %s</text>\n", kLeft,
      escaped_xml(traces).c_str(), escaped_xml(cell.cluster).c_str(),
      escaped_xml(cell.model).c_str());
  add(&out,
      "<text x='%.1f' y='44' fill='#666666'>simulated, %s %.2f, %u workflows x %zu seeds"
      "</text>\n",
      kLeft, cell.drain_factor > 0.0 ? "drain at" : "load",
      cell.drain_factor > 0.0 ? cell.drain_factor : cell.load, cell.workflows, cell.seeds.size());
  add_grid(axes, &out);
  // The first policy is drawn last, so that it lies on top.
  for (size_t i = comparison.policies.size(); i-- > 0;) {
    std::vector<double> stretches;
    for (const RunResult& run : results[i]) {
      const std::vector<double> more = measured_stretches(run);
      stretches.insert(stretches.end(), more.begin(), more.end());
    }
    add_curve(axes, std::move(stretches), i, &out);
  }
  add_legend(comparison, &out);
  out += "</svg>\n";
  return out;
}

}  // namespace hexagent::sim
