// Pieces of the HTML report: escaped text, numbers, tables, intervals drawn as small SVG. What they
// give is XML as well as HTML. Covered by tests/tool/evaluate.sh
#pragma once

#include <string>
#include <vector>

#include "sim/study/aggregate.h"

namespace hexagent::sim::html {

std::string escaped(const std::string& text);
__attribute__((format(printf, 1, 2))) std::string format(const char* pattern, ...);

std::string req(const Interval& value);      // "1.23 [1.20, 1.27]"
std::string ratio(const Interval& value);    // "0.912 [0.900, 0.921]", "none" for no number
std::string percent(const Interval& value);  // the ratio as a change, "-8.8 % [-10.0, -7.9]"
std::string plain(double value);             // "1.23", "inf"

// An interval on a logarithmic axis from 1/2 to 2 with a line at 1.
std::string interval_mark(const Interval& value);

// Cells are markup already; numbers are set to the right where `left` columns end.
class Table {
 public:
  Table(std::vector<std::string> head, size_t left) : head_(std::move(head)), left_(left) {}
  void row(std::vector<std::string> cells, const char* style = "");
  std::string text() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::string style;
  };
  std::vector<std::string> head_;
  size_t left_;
  std::vector<Row> rows_;
};

// The page's head up to and with <body>, style sheet included; no script, nothing loaded.
std::string page_begin(const std::string& title);

}  // namespace hexagent::sim::html
