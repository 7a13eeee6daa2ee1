// How many descriptors this process has open, to find leaks.
#pragma once

#include <dirent.h>

#include <cstdint>

namespace hexagent::test {

inline uint32_t descriptors_open() {
  uint32_t count = 0;
  DIR* folder = opendir("/proc/self/fd");
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count;
}

}  // namespace hexagent::test
