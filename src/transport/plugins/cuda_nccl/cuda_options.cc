// Options: see cuda_options.h.
#include "transport/plugins/cuda_nccl/cuda_options.h"

#include <charconv>

#include "transport/ops.h"

namespace hexagent::transport {
namespace {

constexpr int64_t kNsPerMs = 1'000'000;
constexpr int64_t kMsMax = 3'600'000;

template <class Number>
bool read_number(std::string_view text, Number least, Number most, Number* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return error == std::errc() && end == text.data() + text.size() && *out >= least && *out <= most;
}

bool read_ms(std::string_view text, int64_t least, int64_t* out_ns) {
  int64_t number = 0;
  if (!read_number<int64_t>(text, least, kMsMax, &number)) return false;
  *out_ns = number * kNsPerMs;
  return true;
}

bool read_path(std::string_view text, PathChoice* out) {
  if (text == "auto") *out = PathChoice::kAuto;
  if (text == "direct") *out = PathChoice::kDirect;
  if (text == "nccl") *out = PathChoice::kNccl;
  return text == "auto" || text == "direct" || text == "nccl";
}

bool take_option(std::string_view key, std::string_view value, CudaOptions* options) {
  if (key == "device") return read_number<uint32_t>(value, 0, 1023, &options->device);
  if (key == "path") return read_path(value, &options->path);
  if (key == "ctas") return read_number<uint32_t>(value, 1, 4096, &options->ctas);
  if (key == "lanes") return read_number<uint32_t>(value, 1, 64, &options->lanes);
  if (key == "nccl_ctas") return read_number<int32_t>(value, 1, 64, &options->link.ctas_max);
  if (key == "connect_ms") return read_ms(value, 1, &options->link.connect_ns);
  if (key == "watchdog_ms") return read_ms(value, 1, &options->link.operation_ns);
  if (key == "linger_ms") return read_ms(value, 0, &options->linger_ns);
  if (key == "close_ms") return read_ms(value, 0, &options->close_ns);
  if (key != "nccl") return false;
  options->nccl = value;
  return !value.empty();
}

}  // namespace

hexagent_status read_cuda_options(std::string_view text, CudaOptions* options,
                                  EngineSettings* settings) {
  const auto take = [options, settings](std::string_view key, std::string_view value) {
    return take_option(key, value, options) || take_common_option(key, value, settings);
  };
  return read_options(text, take) ? HEXAGENT_OK : HEXAGENT_E_KEY;
}

}  // namespace hexagent::transport
