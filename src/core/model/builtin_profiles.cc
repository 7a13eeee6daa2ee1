// Built-in profiles: see builtin_profiles.h. The table is generated from the measured data.
#include "core/model/builtin_profiles.h"

namespace hexagent {
namespace {

constexpr BuiltinProfile kProfiles[] = {
#define HEXAGENT_BUILTIN_PROFILE(...) {__VA_ARGS__},
#include "builtin_profiles.inc"
#undef HEXAGENT_BUILTIN_PROFILE
};

}  // namespace

const BuiltinProfile* find_builtin_profile(std::string_view gpu, std::string_view model,
                                           uint32_t tensor_parallel) {
  for (const BuiltinProfile& profile : kProfiles) {
    if (gpu == profile.gpu && model == profile.model &&
        tensor_parallel == profile.tensor_parallel) {
      return &profile;
    }
  }
  return nullptr;
}

}  // namespace hexagent
