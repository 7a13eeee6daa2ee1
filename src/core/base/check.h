// HEXAGENT_CHECK: invariants that stay on in release builds.
//
// A failed check is a bug of ours. In debug, sanitizer and fuzz builds it stops the program. In
// release it throws InvariantFailure, the only exception the core ever raises; the guard of the C
// ABI catches it and poisons the handle, so that the host process lives on (DESIGN section 5).
#pragma once

#include <cstdlib>

namespace hexagent {

struct InvariantFailure {
  const char* condition;
  const char* file;
  int line;
};

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
#if defined(HEXAGENT_CHECK_ABORTS) && HEXAGENT_CHECK_ABORTS
  static_cast<void>(condition);
  static_cast<void>(file);
  static_cast<void>(line);
  std::abort();
#else
  throw InvariantFailure{condition, file, line};
#endif
}

}  // namespace hexagent

#define HEXAGENT_CHECK(condition)                                               \
  do {                                                                          \
    if (!(condition)) ::hexagent::check_failed(#condition, __FILE__, __LINE__); \
  } while (false)
