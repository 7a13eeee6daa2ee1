// Names and sentences of status codes and fields, from status_table.inc.
// Tests: tests/abi/status_test.c.
#pragma once

#include <cstdint>

#include "hexagent/hexagent.h"

namespace hexagent {

// "HEXAGENT_E_CYCLE"; "HEXAGENT_E_?" for a number that is no status.
const char* status_name(hexagent_status status);

// One sentence, for people.
const char* status_text(hexagent_status status);

// "prompt_tokens"; "" for none, "?" for a number that is no field.
const char* field_name(uint32_t field);

}  // namespace hexagent
