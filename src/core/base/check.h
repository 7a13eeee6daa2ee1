// HEXAGENT_CHECK: invariants that stay on in release builds.
//
// A failed check is a bug of ours. In debug, sanitizer and fuzz builds it says which one on the
// standard error stream and stops the program. In release it throws InvariantFailure, the only
// exception the core ever raises; the guard of the C ABI catches it and poisons the handle, so that
// the host process lives on (DESIGN section 5).
#pragma once

#include <cstdio>
#include <cstdlib>

namespace hexagent {

struct InvariantFailure {
  const char* condition;
  const char* file;
  int line;
};

[[noreturn]] inline void check_failed(const char* condition, const char* file, int line) {
#if defined(HEXAGENT_CHECK_ABORTS) && HEXAGENT_CHECK_ABORTS
  std::fprintf(stderr, "%s:%d: not so: %s\n", file, line, condition);
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
