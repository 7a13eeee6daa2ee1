// Makes the mover out of an option string: see nixl_mover.h.
#include <sys/timerfd.h>

#include <charconv>
#include <cstdio>

#include "hexagent/log.h"
#include "transport/ops.h"
#include "transport/plugins/nixl/nixl_mover.h"

namespace hexagent::transport {
namespace {

constexpr uint64_t kChunkBytesMin = uint64_t{512} << 10;
// Meeting another peer keeps an end busy for up to some seconds; NIXL tells of killed ones itself.
constexpr int64_t kSilenceNs = 5'000'000'000;
constexpr uint64_t kDelayMaxUs = 1'000'000;
constexpr std::string_view kParam = "nixl.";

bool take_option(std::string_view key, std::string_view value, NixlOptions* options,
                 const CopyKernels** kernels) {
  if (value.empty()) return false;
  if (key.substr(0, kParam.size()) == kParam && key.size() > kParam.size()) {
    options->params.emplace_back(key.substr(kParam.size()), value);
    return true;
  }
  if (key == "library" || key == "backend") {
    (key == "library" ? options->library : options->backend) = value;
    return true;
  }
  if (key == "progress_delay_us") {
    uint64_t* out = &options->progress_delay_us;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), *out);
    return error == std::errc() && end == value.data() + value.size() && *out <= kDelayMaxUs;
  }
  if (key != "kernels") return false;
  *kernels = kernels_by_name(value);
  return *kernels != nullptr;
}

}  // namespace

hexagent_status make_nixl(const TransportRequest& request, Parts* parts) {
  NixlOptions options;
  const CopyKernels* kernels = &best_kernels();
  parts->settings.chunk_bytes_min = kChunkBytesMin;
  parts->settings.silence_min_ns = kSilenceNs;
  const auto take = [&](std::string_view key, std::string_view value) {
    return take_option(key, value, &options, &kernels) ||
           take_common_option(key, value, &parts->settings);
  };
  if (!read_options(request.options, take)) return HEXAGENT_E_KEY;
  NixlApi api = {};
  char why[256] = {};
  const char* path = options.library.empty() ? nullptr : options.library.c_str();
  const hexagent_status status = load_nixl(path, &api, why, sizeof(why));
  if (status != HEXAGENT_OK) {
    if (request.host->log != nullptr) {
      request.host->log(request.host->context, HEXAGENT_LOG_ERROR, why);
    }
    return status;
  }
  const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
  if (timer < 0) return HEXAGENT_E_SYSTEM;
  parts->mover = std::make_unique<NixlMover>(api, options, kernels, request.peers_max, timer);
  return HEXAGENT_OK;
}

}  // namespace hexagent::transport
