// The controller of KV transfers as part of a scheduler handle: the keys transfer_address and
// transfer_secret. Tests: tests/abi/transfer_test.c.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "capi/handle.h"
#include "runtime/loop_extension.h"

namespace hexagent {

// Values that the keys may have; empty is what they are without being set.
bool is_transfer_address(std::string_view value);
bool is_transfer_secret(std::string_view value);

// Do the keys fit each other? `trouble` says in words what does not.
hexagent_status check_transfers(const hexagent_config& config, std::string* trouble);

// Null when no address is set. The handle outlives it. May throw std::bad_alloc.
std::unique_ptr<LoopExtension> make_transfers(hexagent_scheduler* scheduler);

}  // namespace hexagent
