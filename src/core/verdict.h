// Verdict: what a check of an input found, as its RESULT will tell.
#pragma once

#include <cstdint>

#include "hexagent/hexagent.h"

namespace hexagent {

struct Verdict {
  hexagent_status status = HEXAGENT_OK;
  uint32_t field = HEXAGENT_FIELD_NONE;  // the one that is wrong
};

}  // namespace hexagent
