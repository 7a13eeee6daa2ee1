// Texts answered into a caller's buffer (explain, metrics): the ending all of them share.
#pragma once

#include <algorithm>
#include <cstdint>

#include "hexagent/hexagent.h"
#include "metrics/text_writer.h"

namespace hexagent {

// Tells the size and whether the buffer held it all. A text that was cut is no answer.
inline hexagent_status finish_text(const TextWriter& text, uint32_t* needed) {
  if (needed != nullptr) {
    *needed = static_cast<uint32_t>(std::min<uint64_t>(text.needed(), UINT32_MAX));
  }
  return text.complete() ? HEXAGENT_OK : HEXAGENT_E_BUFFER;
}

}  // namespace hexagent
