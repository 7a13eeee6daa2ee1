// A transport of ours between two processes, through the C ABI alone.
#pragma once

namespace hexagent::peers {

// `name` as hexagent_transport_load() takes it; `options` of the transport, may be null. Ends the
// program.
void run_ours(const char* name, const char* options);

}  // namespace hexagent::peers
