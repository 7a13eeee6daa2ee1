// What a reader of input files complained about, in plain memory: a cmocka assertion leaves its
// function by longjmp, so the asserting function must not own the exception's strings.
#pragma once

#include <cstdint>
#include <cstdio>

#include "sim/input_error.h"

namespace hexagent::sim {

struct CaughtError {
  bool thrown = false;
  int64_t line = -1;
  char field[96] = {};
  char message[160] = {};
  char what[320] = {};
};

// Runs `action` and keeps the InputError that it raised, if any.
template <typename Action>
CaughtError catch_input_error(const Action& action) {
  CaughtError caught;
  try {
    action();
  } catch (const InputError& error) {
    caught.thrown = true;
    caught.line = error.line();
    std::snprintf(caught.field, sizeof caught.field, "%s", error.field().c_str());
    std::snprintf(caught.message, sizeof caught.message, "%s", error.message().c_str());
    std::snprintf(caught.what, sizeof caught.what, "%s", error.what());
  }
  return caught;
}

}  // namespace hexagent::sim
