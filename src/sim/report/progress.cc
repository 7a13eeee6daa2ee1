// Progress: see progress.h.
#include "sim/report/progress.h"

#include <unistd.h>

#include <cstdio>
#include <utility>

namespace hexagent::sim {

namespace {

std::string left_text(double seconds) {
  char text[32];
  if (seconds < 100.0) {
    std::snprintf(text, sizeof(text), "%.0f s", seconds);
  } else if (seconds < 6000.0) {
    std::snprintf(text, sizeof(text), "%.0f min", seconds / 60.0);
  } else {
    std::snprintf(text, sizeof(text), "%.1f h", seconds / 3600.0);
  }
  return text;
}

}  // namespace

Progress::Progress(std::string label, Elsewhere elsewhere)
    : label_(std::move(label)),
      shown_(isatty(STDERR_FILENO) != 0),
      lines_(!shown_ && elsewhere == Elsewhere::kLines),
      started_(std::chrono::steady_clock::now()) {}

void Progress::update(size_t done, size_t total) {
  if (total == 0) return;
  update(done, total, static_cast<double>(done) / static_cast<double>(total), "");
}

void Progress::update(size_t done, size_t total, double share, const std::string& note) {
  if (!(shown_ || lines_) || total == 0) return;
  const auto now = std::chrono::steady_clock::now();
  const auto pause = lines_ ? std::chrono::milliseconds(30'000) : std::chrono::milliseconds(100);
  if (done < total && now - drawn_ < pause && (shown_ || note.empty())) return;
  drawn_ = now;
  constexpr size_t kBar = 30;
  const size_t filled = done * kBar / total;
  const double elapsed_s = std::chrono::duration<double>(now - started_).count();
  const std::string left =
      share > 0.0 ? left_text(elapsed_s * (1.0 - share) / share) + " left" : "";
  if (lines_) {
    std::fprintf(stderr, "%s: %zu/%zu%s%s%s%s\n", label_.c_str(), done, total,
                 note.empty() ? "" : ", ", note.c_str(), left.empty() ? "" : ", ", left.c_str());
    return;
  }
  std::fprintf(stderr, "\r\033[K%s [%s%s] %zu/%zu %s ", label_.c_str(),
               std::string(filled, '#').c_str(), std::string(kBar - filled, '.').c_str(), done,
               total, left.c_str());
}

void Progress::finish() {
  if (shown_) std::fprintf(stderr, "\r\033[K");
}

}  // namespace hexagent::sim
