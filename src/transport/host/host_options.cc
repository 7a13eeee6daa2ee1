// The host-memory transport: its table and its options, see host_memory.h.
#include <charconv>
#include <string_view>

#include "hexagent/log.h"
#include "transport/host/host_memory.h"
#include "transport/ops.h"

namespace hexagent::transport {
namespace {

// What a chunk costs beside its bytes is a tenth of the time of so many.
constexpr uint64_t kChunkBytesMin = uint64_t{128} << 10;

// One of two words.
bool read_choice(std::string_view value, std::string_view yes, std::string_view no, bool* out) {
  *out = value == yes;
  return value == yes || value == no;
}

bool take_option(std::string_view key, std::string_view value, HostMemoryOptions* options,
                 bool* any_ptracer) {
  if (key == "kernels") {
    options->kernels = kernels_by_name(value);
    return options->kernels != nullptr;
  }
  if (key == "pack") {
    options->pack = value == "streaming" ? Store::kStreaming : Store::kCached;
    return value == "streaming" || value == "cached";
  }
  if (key == "one_copy") return read_choice(value, "on", "off", &options->one_copy);
  if (key == "one_copy_min") {
    const char* const end = value.data() + value.size();
    options->short_bytes = UINT64_MAX;
    const auto [at, error] = std::from_chars(value.data(), end, options->one_copy_min);
    return error == std::errc() && at == end;
  }
  if (key == "ptracer") return read_choice(value, "any", "none", any_ptracer);
  return false;
}

hexagent_status make(const TransportRequest& request, Parts* parts) {
  HostMemoryOptions options;
  options.kernels = &best_kernels();
  options.log = request.host->log;
  options.log_context = request.host->context;
  parts->settings.chunk_bytes_min = kChunkBytesMin;
  parts->settings.pushes_max = 1;  // it copies when it is told to; nothing runs meanwhile
  bool any_ptracer = false;
  const auto take = [&](std::string_view key, std::string_view value) {
    return take_option(key, value, &options, &any_ptracer) ||
           take_common_option(key, value, &parts->settings);
  };
  if (!read_options(request.options, take)) return HEXAGENT_E_KEY;
  if (any_ptracer && !permit_readers() && options.log != nullptr) {
    options.log(options.log_context, HEXAGENT_LOG_INFO,
                "host-memory: ptracer=any changes nothing, there is no Yama");
  }
  parts->mover = std::make_unique<HostMemoryMover>(options, request.peers_max);
  return HEXAGENT_OK;
}

hexagent_status create(const hexagent_transport_host* host, const hexagent_transport_config* config,
                       hexagent_transport** out) {
  return create_transport(host, config, out, make);
}

}  // namespace

const hexagent_transport_ops* host_memory_ops() {
  constexpr uint64_t kCapabilities = HEXAGENT_CAN_HOST_MEMORY | HEXAGENT_CAN_CROSS_PROCESS |
                                     HEXAGENT_CAN_REPRIORITISE | HEXAGENT_CAN_HEAD_SLICES |
                                     HEXAGENT_CAN_CHECKSUM | HEXAGENT_CAN_QUIESCE |
                                     HEXAGENT_CAN_LAYERWISE;
  static const hexagent_transport_ops ops = make_ops("host-memory", kCapabilities, create);
  return &ops;
}

}  // namespace hexagent::transport
