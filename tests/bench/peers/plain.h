// The references: one memcpy, and plain sockets between two processes, always of one piece.
#pragma once

namespace hexagent::peers {

void run_memcpy();
void run_sockets();

}  // namespace hexagent::peers
