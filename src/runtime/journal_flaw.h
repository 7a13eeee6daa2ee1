// What is wrong with a journal or one of its files.
#pragma once

#include <string>

#include "hexagent/hexagent.h"

namespace hexagent {

// HEXAGENT_E_IO, _DAMAGED, _VERSION or _DIFFERENT, with file and offset in words.
struct JournalFlaw {
  hexagent_status status = HEXAGENT_OK;
  std::string text;
};

}  // namespace hexagent
