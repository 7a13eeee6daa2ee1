// The table of C functions: arguments, sized structs, options.
#include "transport/ops.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "transport/host/host_memory.h"
#include "unit/transport/copy/slow_kv.h"
#include "unit/transport/local_host.h"
#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one table

hexagent_status create_with(void (*change)(hexagent_transport_host*, hexagent_transport_config*)) {
  LocalHost host;
  hexagent_transport_host table = host.table();
  hexagent_transport_config config = LocalHost::config(1);
  change(&table, &config);
  hexagent_transport* transport = nullptr;
  const hexagent_status status = host_memory_ops()->create(&table, &config, &transport);
  assert_int_equal(status == HEXAGENT_OK, transport != nullptr);
  if (transport != nullptr) host_memory_ops()->destroy(transport);
  return status;
}

using Host = hexagent_transport_host;
using Config = hexagent_transport_config;

void create_checks_what_it_is_given(void**) {
  assert_int_equal(create_with([](Host*, Config*) {}), HEXAGENT_OK);
  assert_int_equal(create_with([](Host* h, Config*) { h->struct_size = 8; }),
                   HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(create_with([](Host*, Config* c) { c->struct_size = 8; }),
                   HEXAGENT_E_STRUCT_SIZE);
  assert_int_equal(create_with([](Host* h, Config*) { h->abi += 1u << 16; }), HEXAGENT_E_VERSION);
  assert_int_equal(create_with([](Host* h, Config*) { ++h->abi; }), HEXAGENT_OK);
  assert_int_equal(create_with([](Host* h, Config*) { h->post_event = nullptr; }),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(create_with([](Host*, Config* c) { c->worker = 0; }), HEXAGENT_E_ARGUMENT);
  assert_int_equal(create_with([](Host*, Config* c) { c->incarnation = 0; }), HEXAGENT_E_ARGUMENT);
  assert_int_equal(create_with([](Host*, Config* c) { c->transfers_max = 70'000; }),
                   HEXAGENT_E_RANGE);
  assert_int_equal(create_with([](Host*, Config* c) { c->slots_per_peer = 17; }), HEXAGENT_E_RANGE);
  assert_int_equal(create_with([](Host*, Config* c) { c->slot_bytes = 100; }), HEXAGENT_E_RANGE);
  assert_int_equal(host_memory_ops()->create(nullptr, nullptr, nullptr), HEXAGENT_E_ARGUMENT);
}

void options_are_checked(void**) {
  assert_int_equal(create_with([](Host*, Config* c) {
                     c->options = " kernels=portable  pack=streaming silence_ms=1000 ";
                   }),
                   HEXAGENT_OK);
  assert_int_equal(create_with([](Host*, Config* c) { c->options = ""; }), HEXAGENT_OK);
  assert_int_equal(create_with([](Host*, Config* c) { c->options = "kernels=best"; }),
                   HEXAGENT_E_KEY);
  assert_int_equal(create_with([](Host*, Config* c) { c->options = "pack=well"; }), HEXAGENT_E_KEY);
  assert_int_equal(create_with([](Host*, Config* c) { c->options = "silence_ms=0"; }),
                   HEXAGENT_E_KEY);
  assert_int_equal(create_with([](Host*, Config* c) { c->options = "silence_ms=10x"; }),
                   HEXAGENT_E_KEY);
  assert_int_equal(create_with([](Host*, Config* c) { c->options = "other=1"; }), HEXAGENT_E_KEY);
  assert_int_equal(create_with([](Host*, Config* c) { c->options = "kernels"; }), HEXAGENT_E_KEY);
}

void nothing_is_done_without_a_transport(void**) {
  const hexagent_transport_ops& ops = *host_memory_ops();
  uint64_t out = 0;
  ops.destroy(nullptr);
  assert_int_equal(ops.register_pool(nullptr, nullptr, &out), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.unregister_pool(nullptr, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.connect(nullptr, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.disconnect(nullptr, 1, HEXAGENT_E_PEER), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.control(nullptr, 1, "", 0), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.reserve(nullptr, nullptr, &out), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.submit(nullptr, nullptr, &out), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.layers_ready(nullptr, 1, 1, nullptr), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.reprioritise(nullptr, 1, 1, 0, 0.0), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.cancel(nullptr, 0, 1), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.progress(nullptr, 0, nullptr), HEXAGENT_E_ARGUMENT);
  assert_int_equal(ops.link_estimate(nullptr, 1, nullptr), HEXAGENT_E_ARGUMENT);
}

void structs_may_be_of_another_size(void**) {
  LocalHost host;
  assert_int_equal(host.open(host_memory_ops(), LocalHost::config(1)), HEXAGENT_OK);
  TestPool memory(small_shape(4), 0, 0);
  struct {
    hexagent_kv_pool pool;
    uint64_t later;
  } longer = {memory.description(), 0};
  longer.pool.struct_size = sizeof(longer);
  uint64_t pool = 0;
  const hexagent_transport_ops& ops = *host.ops;
  assert_int_equal(ops.register_pool(host.transport, &longer.pool, &pool), HEXAGENT_OK);
  longer.later = 1;
  assert_int_equal(ops.register_pool(host.transport, &longer.pool, &pool), HEXAGENT_E_TOO_NEW);
  longer.pool.struct_size = 4;
  assert_int_equal(ops.register_pool(host.transport, &longer.pool, &pool), HEXAGENT_E_STRUCT_SIZE);
  longer.pool.struct_size = sizeof(hexagent_kv_pool);
  longer.pool.memory = HEXAGENT_MEMORY_CUDA;
  assert_int_equal(ops.register_pool(host.transport, &longer.pool, &pool), HEXAGENT_E_UNSUPPORTED);
  hexagent_link_estimate estimate = {};
  assert_int_equal(ops.link_estimate(host.transport, 2, &estimate), HEXAGENT_E_STRUCT_SIZE);
  estimate.struct_size = sizeof(estimate);
  assert_int_equal(ops.link_estimate(host.transport, 2, &estimate), HEXAGENT_E_UNKNOWN_WORKER);
}

// A flaw in the library: here a
// mover that reports what it was never given.
class FlawedMover : public SimMover {
 public:
  FlawedMover(const int64_t* now_ns, SimMemory* memory) : SimMover(now_ns, memory, 64) {}
  uint32_t run(uint32_t, MoveResult* results, uint32_t) override {
    results[0] = {uint64_t{77} << 32, HEXAGENT_OK, 0};
    return 1;
  }
};

void a_flaw_poisons_the_transport_alone(void**) {
#if HEXAGENT_CHECK_ABORTS
  skip();  // a failed check ends the program in this build
#else
  LocalHost host;
  const hexagent_transport_host table = host.table();
  const hexagent_transport_config config = LocalHost::config(1);
  hexagent_transport_ops ops = make_ops("flawed", 0, nullptr);
  host.ops = &ops;
  const hexagent_status status =
      create_transport(&table, &config, &host.transport, [](const TransportRequest&, Parts* parts) {
        static const int64_t now = 1;
        static SimMemory memory;
        parts->mover = std::make_unique<FlawedMover>(&now, &memory);
        return hexagent_status{HEXAGENT_OK};
      });
  assert_int_equal(status, HEXAGENT_OK);
  assert_int_equal(ops.progress(host.transport, 0, nullptr), HEXAGENT_E_POISONED);
  assert_int_equal(ops.connect(host.transport, 2), HEXAGENT_E_POISONED);
#endif
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(create_checks_what_it_is_given),
      cmocka_unit_test(options_are_checked),
      cmocka_unit_test(nothing_is_done_without_a_transport),
      cmocka_unit_test(structs_may_be_of_another_size),
      cmocka_unit_test(a_flaw_poisons_the_transport_alone),
  };
  return cmocka_run_group_tests_name("transport table", tests, nullptr, nullptr);
}
