// Progress: see progress.h.
#include "sim/report/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace hexagent::sim {

Progress::Progress(std::string label)
    : label_(std::move(label)),
      shown_(isatty(STDERR_FILENO) != 0),
      started_(std::chrono::steady_clock::now()) {}

void Progress::update(size_t done, size_t total) {
  if (!shown_ || total == 0) return;
  const auto now = std::chrono::steady_clock::now();
  if (done < total && now - drawn_ < std::chrono::milliseconds(100)) return;
  drawn_ = now;
  constexpr size_t kBar = 30;
  const size_t filled = done * kBar / total;
  const double elapsed_s = std::chrono::duration<double>(now - started_).count();
  const double left_s =
      done == 0 ? 0.0 : elapsed_s * static_cast<double>(total - done) / static_cast<double>(done);
  std::fprintf(stderr, "\r%s [%s%s] %zu/%zu, %.0f s left ", label_.c_str(),
               std::string(filled, '#').c_str(), std::string(kBar - filled, '.').c_str(), done,
               total, left_s);
}

void Progress::finish() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace hexagent::sim
