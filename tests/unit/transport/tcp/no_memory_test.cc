// host-tcp when memory runs out while a lane is let in: it waits at the door and gets in later.
#include "abi/failing_allocator.h"
#include "unit/transport/tcp/tcp_pair.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr uint32_t kBlocks = 8;

void hand_over(LocalHost* from, LocalHost* to, uint32_t worker) {
  for (; !from->sent.empty(); from->sent.pop_front()) {
    const std::vector<unsigned char>& message = from->sent.front().second;
    assert_int_equal(to->ops->control(to->transport, worker, message.data(), message.size()),
                     HEXAGENT_OK);
  }
}

// Connects, with the k-th allocation of the target's failing as it lets lanes in. False: it did not
// come to that.
bool connects_without(uint64_t k) {
  TcpEnds pair;
  pair.open(host_tcp_ops(), "silence_ms=60000", 1u << 16, 0);
  LocalHost& source = pair.source;
  LocalHost& target = pair.target;
  assert_int_equal(source.ops->connect(source.transport, 2), HEXAGENT_OK);
  hand_over(&source, &target, 1);
  target.progress();
  hand_over(&target, &source, 2);  // whose lanes the system connects at once
  source.progress();
  allocator_fail(k);
  int64_t next_ns = 0;
  target.ops->progress(target.transport, 0, &next_ns);
  const bool failed = allocator_failed() != 0;
  allocator_fail(0);

  TestPool give(small_shape(kBlocks), 0, 1);
  TestPool take(small_shape(kBlocks), 0, 2);
  const int32_t ids[kBlocks] = {0, 1, 2, 3, 4, 5, 6, 7};
  hexagent_kv_blocks from = {};
  from.pool = HostPair::enter(source, give);
  from.blocks = ids;
  from.block_count = kBlocks;
  hexagent_kv_blocks to = from;
  to.pool = HostPair::enter(target, take);
  const auto [id, token] = pair.begin(from, to);
  pair.until_quiesced(id, token);
  assert_non_null(target.find(HEXAGENT_TRANSFER_DONE, token));
  return failed;
}

void a_lane_waits_for_memory(void**) {
  uint64_t k = 1;
  while (connects_without(k)) ++k;
  assert_true(k > 1);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(a_lane_waits_for_memory)};
  return cmocka_run_group_tests_name("host tcp, no memory", tests, nullptr, nullptr);
}
