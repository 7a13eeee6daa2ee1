// A progress bar on stderr, only where a person watches (a terminal); silent otherwise.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace hexagent::sim {

class Progress {
 public:
  explicit Progress(std::string label);
  void update(size_t done, size_t total);
  // Clears the line.
  void finish();

 private:
  std::string label_;
  bool shown_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace hexagent::sim
