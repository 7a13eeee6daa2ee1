// Progress on stderr: a bar where a person watches (a terminal). Elsewhere silent, or, for runs of
// hours, a plain line now and then.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace hexagent::sim {

class Progress {
 public:
  enum class Elsewhere { kSilent, kLines };

  explicit Progress(std::string label, Elsewhere elsewhere = Elsewhere::kSilent);
  void update(size_t done, size_t total);
  // `share` of the work of this run that is done, 0 to 1, where units differ in what they cost.
  // `note` is what has just been finished; a line of its own where lines are written.
  void update(size_t done, size_t total, double share, const std::string& note);
  // Clears the line.
  void finish();

 private:
  std::string label_;
  bool shown_;
  bool lines_;
  std::chrono::steady_clock::time_point started_;
  std::chrono::steady_clock::time_point drawn_;
};

}  // namespace hexagent::sim
