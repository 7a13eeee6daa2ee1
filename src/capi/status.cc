// C ABI: version, status codes and field names.
#include "core/base/status.h"

#include "hexagent/hexagent.h"

extern "C" {

uint32_t hexagent_version(void) noexcept { return HEXAGENT_VERSION; }

const char* hexagent_status_name(hexagent_status status) noexcept {
  return hexagent::status_name(status);
}

const char* hexagent_status_text(hexagent_status status) noexcept {
  return hexagent::status_text(status);
}

const char* hexagent_field_name(uint32_t field) noexcept { return hexagent::field_name(field); }

}  // extern "C"
