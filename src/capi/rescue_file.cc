// Rescue file: see rescue_file.h.
#include "capi/rescue_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace hexagent {
namespace {

std::string text_of(const Scheduler& core, const Breakage& breakage) {
  char line[512];
  std::snprintf(line, sizeof(line), "libhexagent %d.%d.%d: an internal invariant failed\n",
                HEXAGENT_VERSION_MAJOR, HEXAGENT_VERSION_MINOR, HEXAGENT_VERSION_PATCH);
  std::string text = line;
  std::snprintf(line, sizeof(line), "failed: %s\nat: %s:%d\nstep_ns %lld\n", breakage.what,
                breakage.file != nullptr ? breakage.file : "?", breakage.line,
                static_cast<long long>(breakage.now));
  text += line;
  core.rescue_text(&text);
  return text + "end\n";
}

bool write_all(int file, const std::string& text) {
  size_t written = 0;
  while (written < text.size()) {
    const ssize_t size = write(file, text.data() + written, text.size() - written);
    if (size <= 0) return false;
    written += static_cast<size_t>(size);
  }
  return fsync(file) == 0;
}

}  // namespace

void write_rescue_file(const std::string& prefix, const Scheduler& core, const Breakage& breakage,
                       char* path) noexcept {
  path[0] = '\0';
  try {
    const std::string text = text_of(core, breakage);
    for (int number = 1; number <= 99; ++number) {
      char name[kRescuePathSize];
      const int size = std::snprintf(name, sizeof(name), "%s-%d-%d.txt", prefix.c_str(),
                                     static_cast<int>(getpid()), number);
      if (size <= 0 || size >= static_cast<int>(sizeof(name))) return;
      // A file of an earlier breakage is evidence and is never written over.
      const int file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
      if (file < 0) continue;
      if (write_all(file, text)) std::snprintf(path, kRescuePathSize, "%s", name);
      close(file);
      return;
    }
  } catch (...) {  // a state this broken may not even be told
    path[0] = '\0';
  }
}

}  // namespace hexagent
