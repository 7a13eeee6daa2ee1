// Configuration keys of the shell's own: who drives, where and how a journal is kept, and what is
// left when an invariant fails. They change no decision, so they are in no journal and not live.
// Tests: tests/abi/config_test.c, tests/abi/journal_open_test.c, tests/abi/log_test.c.
#pragma once

#include <cstdint>
#include <string_view>

#include "capi/handle.h"
#include "hexagent/hexagent.h"

namespace hexagent {

uint32_t shell_setting_count();

bool is_shell_setting(std::string_view key);

// Fills everything but struct_size; `index` < shell_setting_count().
void describe_shell_setting(uint32_t index, hexagent_config_info* info);

// HEXAGENT_OK, HEXAGENT_E_KEY (no such name) or HEXAGENT_E_RANGE; `error` names key, value and what
// would be right. The key is one of these. May throw std::bad_alloc, and has then changed nothing.
hexagent_status set_shell_setting(std::string_view key, std::string_view value,
                                  hexagent_config* config, hexagent_error* error);

}  // namespace hexagent
