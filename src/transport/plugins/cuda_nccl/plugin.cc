// The one exported symbol of hexagent_cuda.so, and the making of its transports. Tests:
// tests/cuda.sh, tests/unit/transport/cuda/plugin_check.cc.
#include "hexagent/transport.h"
#include "transport/ops.h"
#include "transport/plugins/cuda_nccl/cuda_device.h"
#include "transport/plugins/cuda_nccl/cuda_mover.h"
#include "transport/plugins/cuda_nccl/cuda_options.h"

namespace hexagent::transport {
namespace {

hexagent_status make(const TransportRequest& request, Parts* parts) {
  CudaOptions options;
  hexagent_status status = read_cuda_options(request.options, &options, &parts->settings);
  if (status != HEXAGENT_OK) return status;
  std::unique_ptr<DeviceRuntime> device;
  status = open_cuda_device(options.device, &device);
  if (status != HEXAGENT_OK) return status;
  auto mover = std::make_unique<CudaMover>(options, request.peers_max, *request.host,
                                           std::shared_ptr<DeviceRuntime>(std::move(device)));
  status = mover->start();
  if (status == HEXAGENT_OK) parts->mover = std::move(mover);
  return status;
}

hexagent_status create(const hexagent_transport_host* host, const hexagent_transport_config* config,
                       hexagent_transport** out) {
  return create_transport(host, config, out, make);
}

}  // namespace
}  // namespace hexagent::transport

extern "C" __attribute__((visibility("default"))) hexagent_status hexagent_transport_query(
    uint32_t abi, const hexagent_transport_ops** out) {
  using namespace hexagent::transport;  // NOLINT: a function of C
  const hexagent_status status = check_query(abi, out);
  if (status != HEXAGENT_OK) return status;
  if (cuda_device_count() == 0) return HEXAGENT_E_NO_DEVICE;
  static const hexagent_transport_ops ops = make_ops("cuda-nccl", kCudaCapabilities, create);
  *out = &ops;
  return HEXAGENT_OK;
}
