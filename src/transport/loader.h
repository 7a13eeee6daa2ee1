// Finds a transport: a plugin by its path, or the one for host memory that is always there. A
// plugin that is loaded stays loaded: threads and handlers of the drivers below it cannot be
// trusted to go. Tests: tests/unit/transport/loader_test.cc.
#pragma once

#include "hexagent/transport.h"

namespace hexagent::transport {

struct LoadedTransport {
  hexagent_transport_ops ops = {};  // whole: what a plugin's table lacks is null
  // HEXAGENT_OK, or why it is not what was asked for.
  hexagent_status status = HEXAGENT_OK;
  bool built_in = false;
  char text[240] = {};  // detail of a status that is not HEXAGENT_OK
};

// The plugin at `path`. HEXAGENT_E_IO (no such file, or it cannot be loaded), HEXAGENT_E_VERSION
// (another ABI, or no plugin at all), HEXAGENT_E_NO_DEVICE (what it drives is not here) or another
// status of its own. Blocks while the file is read. [any thread]
LoadedTransport load_plugin(const char* path);

// The same, but host memory where the plugin cannot be had; `status` and `text` still say why.
// Without a path host memory, HEXAGENT_OK.
LoadedTransport load_transport(const char* path);

}  // namespace hexagent::transport
