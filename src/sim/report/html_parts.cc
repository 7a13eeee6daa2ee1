// Pieces of the HTML report: see html_parts.h.
#include "sim/report/html_parts.h"

#include <algorithm>
#include <cmath>
#include <cstdarg>
#include <cstdio>

namespace hexagent::sim::html {
namespace {

// The attribute selectors turn the colours of report/svg.h's plots in dark mode.
constexpr const char* kStyle = R"css(
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#59636e;--line:#d8dee4;--card:#f6f8fa;
--good:#0a7f42;--bad:#c62f2f;--mark:#0072b2}
@media(prefers-color-scheme:dark){:root{--bg:#12161b;--fg:#e4e8ec;--soft:#98a3ae;--line:#2d353d;
--card:#1a2027;--good:#4cc38a;--bad:#ff7b72;--mark:#56b4e9}
svg.plot rect[fill="#FFFFFF"]{fill:var(--card)}
svg.plot text[fill="#111111"],svg.plot text[fill="#333333"]{fill:var(--fg)}
svg.plot text[fill="#666666"]{fill:var(--soft)}
svg.plot line[stroke="#E4E4E4"],svg.plot line[stroke="#EEEEEE"]{stroke:var(--line)}
svg.plot [stroke="#0072B2"]{stroke:#4aa3df}svg.plot [stroke="#555555"]{stroke:#a5adb5}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1300px;padding:2rem 1.2rem 4rem;background:var(--bg);color:var(--fg);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,Helvetica,Arial,sans-serif}
h1{font-size:1.7rem;margin:0}h2{font-size:1.2rem;margin:2.4rem 0 .5rem}
p{margin:.4rem 0;max-width:75ch}.soft{color:var(--soft)}
.badge{font-size:.8rem;font-weight:600;border:1px solid var(--mark);color:var(--mark);
border-radius:1rem;padding:.1rem .6rem;margin-left:.6rem;vertical-align:middle}
code{font:13px/1.4 ui-monospace,Menlo,Consolas,monospace;background:var(--card);padding:.1rem .3rem;
border-radius:.3rem;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:.6rem 0}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.88rem}
th,td{padding:.28rem .55rem;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
th{color:var(--soft);font-weight:600;border-bottom-width:2px}
th.l,td.l{text-align:left}tr.first td{background:var(--card);font-weight:600}
.good{color:var(--good)}.bad{color:var(--bad)}
svg.mark{display:inline-block;vertical-align:middle}
svg.mark .axis{stroke:var(--line)}svg.mark .one{stroke:var(--soft)}
svg.mark .good{stroke:var(--good);fill:var(--good)}svg.mark .bad{stroke:var(--bad);fill:var(--bad)}
svg.mark .even{stroke:var(--soft);fill:var(--soft)}
svg.plot{max-width:100%;height:auto;margin:.5rem 0;border:1px solid var(--line);border-radius:.5rem}
details{border-top:1px solid var(--line);padding:.5rem 0}summary{cursor:pointer}
summary b{margin-right:.5rem}ul{margin:.4rem 0;padding-left:1.2rem}li{max-width:90ch}
)css";

}  // namespace

std::string escaped(const std::string& text) {
  std::string out;
  for (const char letter : text) {
    switch (letter) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        // Other control characters have no place in XML, even escaped.
        out += static_cast<unsigned char>(letter) < ' ' ? ' ' : letter;
    }
  }
  return out;
}

std::string format(const char* pattern, ...) {
  char buffer[1024];
  va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(buffer, sizeof(buffer), pattern, arguments);
  va_end(arguments);
  return buffer;
}

std::string plain(double value) {
  if (std::isnan(value)) return "none";
  if (std::isinf(value)) return "inf";
  return format(value < 100.0 ? "%.2f" : "%.0f", value);
}

std::string req(const Interval& value) {
  if (!std::isfinite(value.value)) return "inf";
  return plain(value.value) + " <span class=\"soft\">[" + plain(value.low) + ", " +
         plain(value.high) + "]</span>";
}

namespace {

const char* side_of(const Interval& value) {
  if (value.high < 1.0) return "good";
  return value.low > 1.0 ? "bad" : "even";
}

}  // namespace

std::string ratio(const Interval& value) {
  if (std::isnan(value.value)) return "<span class=\"soft\">none</span>";
  if (std::isinf(value.value)) return "<span class=\"bad\">inf</span>";
  return format("<span class=\"%s\">%.3f</span> <span class=\"soft\">[%.3f, %.3f]</span>",
                side_of(value), value.value, value.low, value.high);
}

std::string percent(const Interval& value) {
  if (!std::isfinite(value.value)) return ratio(value);
  const auto change = [](double part) { return 100.0 * (part - 1.0); };
  return format("<span class=\"%s\">%+.1f %%</span> <span class=\"soft\">[%+.1f, %+.1f]</span>",
                side_of(value), change(value.value), change(value.low), change(value.high));
}

std::string interval_mark(const Interval& value) {
  if (!std::isfinite(value.value)) return "";
  constexpr double kWidth = 110.0;
  const auto x = [](double at) {
    return kWidth * (0.5 + 0.5 * std::log2(std::clamp(at, 0.5, 2.0)) * 0.96);
  };
  std::string out = format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"mark\" width=\"%.0f\" height=\"14\" "
      "viewBox=\"0 0 %.0f 14\"><line class=\"axis\" x1=\"3\" x2=\"%.0f\" y1=\"7\" y2=\"7\"/>"
      "<line class=\"one\" x1=\"%.1f\" x2=\"%.1f\" y1=\"1\" y2=\"13\"/>",
      kWidth, kWidth, kWidth - 3, x(1.0), x(1.0));
  out += format(
      "<line class=\"%s\" x1=\"%.1f\" x2=\"%.1f\" y1=\"7\" y2=\"7\" stroke-width=\"2\"/>"
      "<circle class=\"%s\" cx=\"%.1f\" cy=\"7\" r=\"3.2\"/></svg>",
      side_of(value), x(value.low), x(value.high), side_of(value), x(value.value));
  return out;
}

void Table::row(std::vector<std::string> cells, const char* style) {
  rows_.push_back({std::move(cells), style});
}

std::string Table::text() const {
  std::string out = "<div class=\"scroll\"><table>\n<thead><tr>";
  for (size_t i = 0; i < head_.size(); ++i) {
    out += (i < left_ ? "<th class=\"l\">" : "<th>") + escaped(head_[i]) + "</th>";
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const Row& row : rows_) {
    out += row.style.empty() ? "<tr>" : "<tr class=\"" + row.style + "\">";
    for (size_t i = 0; i < row.cells.size(); ++i) {
      out += (i < left_ ? "<td class=\"l\">" : "<td>") + row.cells[i] + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string page_begin(const std::string& title) {
  return "<!DOCTYPE html>\n<html xmlns=\"http://www.w3.org/1999/xhtml\" lang=\"en\">\n<head>\n"
         "<meta charset=\"utf-8\"/>\n"
         "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>" +
         escaped(title) + "</title>\n<style>" + kStyle + "</style>\n</head>\n<body>\n";
}

}  // namespace hexagent::sim::html
