// A profile for a GPU and model that nobody measured together: a roofline over hardware and shape.
// Tests: tests/unit/core/model/derive_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>

#include "hexagent/hexagent.h"

namespace hexagent {

// HEXAGENT_OK; HEXAGENT_E_RANGE with the field and a text; HEXAGENT_E_NEVER_FITS when the weights
// leave no room for KV. `profile` keeps its struct_size and is marked derived.
hexagent_status derive_profile(const hexagent_gpu& gpu, const hexagent_model& model,
                               uint32_t tensor_parallel, hexagent_profile* profile, uint32_t* field,
                               char* text, size_t text_size);

}  // namespace hexagent
