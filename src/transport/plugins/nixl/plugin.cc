// The one exported symbol of hexagent_nixl.so. NIXL is looked for when a transport is made: an
// option says where it is.
#include "hexagent/transport.h"
#include "transport/ops.h"
#include "transport/plugins/nixl/nixl_mover.h"

namespace hexagent::transport {
namespace {

hexagent_status create(const hexagent_transport_host* host, const hexagent_transport_config* config,
                       hexagent_transport** out) {
  return create_transport(host, config, out, make_nixl);
}

}  // namespace
}  // namespace hexagent::transport

extern "C" __attribute__((visibility("default"))) hexagent_status hexagent_transport_query(
    uint32_t abi, const hexagent_transport_ops** out) {
  using namespace hexagent::transport;  // NOLINT: a function of C
  const hexagent_status status = check_query(abi, out);
  if (status != HEXAGENT_OK) return status;
  static const hexagent_transport_ops ops = make_ops("nixl", kNixlCapabilities, create);
  *out = &ops;
  return HEXAGENT_OK;
}
