// The host-memory transport between two processes: a transfer arrives, and when the peer is killed
// everything ends and nothing is left open.
#include "transport/host/host_memory.h"
#include "unit/transport/family.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

void a_transfer_crosses_processes(void**) { crosses_processes(host_memory_ops()); }

// Part of acceptance row A16: the host sees the control path reset and says so.
void a_killed_peer_ends_everything_and_leaves_nothing(void**) {
  const uint32_t before = hexagent::test::descriptors_open();
  for (uint32_t i = 0; i < 50; ++i) {
    Family family(host_memory_ops(), true);
    LocalHost& host = family.target.host;
    // Some layers are here, the others will never come.
    family.until([&] {
      const hexagent_transfer_event* chunk = host.find(HEXAGENT_TRANSFER_CHUNK, family.token);
      return chunk != nullptr && chunk->layers >= i % 3;
    });
    family.end(SIGKILL);
    while (family.target.turn()) continue;
    assert_int_equal(host.ops->disconnect(host.transport, 1, HEXAGENT_E_PEER), HEXAGENT_OK);
    host.progress();
    const hexagent_transfer_event* failed = host.find(HEXAGENT_TRANSFER_FAILED, family.token);
    assert_non_null(failed);
    assert_int_equal(failed->status, HEXAGENT_E_PEER);
    assert_non_null(host.find(HEXAGENT_TRANSFER_QUIESCED, family.token));
    assert_int_equal(host.ops->unregister_pool(host.transport, family.target.pool), HEXAGENT_OK);
  }
  assert_int_equal(hexagent::test::descriptors_open(), before);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_transfer_crosses_processes),
      cmocka_unit_test(a_killed_peer_ends_everything_and_leaves_nothing),
  };
  return cmocka_run_group_tests_name("host memory, two processes", tests, nullptr, nullptr);
}
