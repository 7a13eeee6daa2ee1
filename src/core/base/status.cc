// Status codes and fields as text. See status.h.
#include "core/base/status.h"

namespace hexagent {

const char* status_name(hexagent_status status) {
  switch (status) {
#define X(constant, sentence) \
  case constant:              \
    return #constant;
#include "core/base/status_table.inc"
    default:
      return "HEXAGENT_E_?";
  }
}

const char* status_text(hexagent_status status) {
  switch (status) {
#define X(constant, sentence) \
  case constant:              \
    return sentence;
#include "core/base/status_table.inc"
    default:
      return "Unknown status; perhaps of a newer library.";
  }
}

const char* field_name(uint32_t field) {
  switch (field) {
#define F(constant, name) \
  case constant:          \
    return name;
#include "core/base/status_table.inc"
    default:
      return "?";
  }
}

}  // namespace hexagent
