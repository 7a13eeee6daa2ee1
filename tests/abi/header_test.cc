// The public headers as C++ sees them: the oldest dialect that promises noexcept, nothing else
// included.
#include <hexagent/hexagent.h>
#include <hexagent/transport.h>

static_assert(noexcept(hexagent_version()), "functions of the ABI do not throw");

namespace hexagent {}  // namespace hexagent

int main() { return hexagent_version() != 0 ? 0 : 1; }
