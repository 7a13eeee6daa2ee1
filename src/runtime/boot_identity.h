// Which clock CLOCK_MONOTONIC is: it counts from the start of a machine, so its times mean nothing
// after another start or on another machine. Tests: tests/unit/runtime/boot_identity_test.cc.
#pragma once

#include <cstdint>
#include <string_view>

namespace hexagent {

// A number for this start of this machine; 0 when the system does not tell.
uint64_t boot_identity() noexcept;

// The same of the text that Linux gives; 0 if it has fewer than 32 hexadecimal digits.
uint64_t fold_boot_id(std::string_view text) noexcept;

}  // namespace hexagent
