// What is damaged on its way is noticed: a flipped bit or two fragments swapped in staging, a stale
// token, a chunk told twice. And nothing else is (acceptance row A17 of the data plane's design).
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

constexpr uint32_t kBlocks = 12;
constexpr uint32_t kCases = 10'000;

enum class Harm { kNone, kBit, kSwap, kStaleToken };

struct Case {
  SimWorld world;
  SimWorker* source;
  SimWorker* target;
  std::unique_ptr<SimEnd> give;
  std::unique_ptr<SimEnd> take;
  TestRandom random{1};
  Harm harm = Harm::kNone;
  uint32_t harmed = 0;

  Case() {
    world.limits.chunk_bytes_min = world.limits.slot_bytes = 8192;
    source = &world.add();
    target = &world.add();
    give = std::make_unique<SimEnd>(source, small_shape(kBlocks, 2), 0);
    take = std::make_unique<SimEnd>(target, small_shape(kBlocks, 2), 0);
    random.fill(give->memory.memory.get(), give->memory.bytes);
    source->mover->fault = [this](const MoveJob& job, bool, unsigned char* staged) {
      damage(job, staged);
      return HEXAGENT_OK;
    };
    world.connect(*source, *target);
  }
  // Once in a transfer, in its first chunk: a later one might not come.
  void damage(const MoveJob& job, unsigned char* staged) {
    if (harmed > 0) return;
    if (harm == Harm::kBit) {
      staged[random.below(static_cast<uint32_t>(job.staged_bytes))] ^=
          static_cast<unsigned char>(1u << random.below(8));
      ++harmed;
    }
    if (harm == Harm::kSwap && job.fragment_count >= 2) {
      unsigned char held[2048];
      std::memcpy(held, staged, sizeof(held));
      std::memcpy(staged, staged + sizeof(held), sizeof(held));
      std::memcpy(staged + sizeof(held), held, sizeof(held));
      ++harmed;
    }
  }
  // Moves some blocks, harmed as told; the status at both ends.
  hexagent_status run(uint32_t count) {
    const std::vector<int32_t> from = some_blocks(count, kBlocks, &random);
    const std::vector<int32_t> to = some_blocks(count, kBlocks, &random);
    uint64_t token = 0;
    uint64_t id = 0;
    harmed = 0;
    assert_int_equal(take->reserve(1, to, &token), HEXAGENT_OK);
    hexagent_kv_transfer wanted = give->transfer(2, from, token);
    wanted.flags = HEXAGENT_TRANSFER_CHECKSUM;
    if (harm == Harm::kStaleToken) {
      assert_int_equal(target->engine->cancel(HEXAGENT_TRANSFER_TARGET, token), HEXAGENT_OK);
      world.run_for(10'000);
      uint64_t fresh = 0;  // in the same place
      assert_int_equal(take->reserve(1, to, &fresh), HEXAGENT_OK);
      assert_int_equal(give->submit(wanted, &id), HEXAGENT_OK);
      const uint64_t before = target->mover->scattered;
      world.run_for(10'000'000);
      assert_int_equal(target->mover->scattered, before);
      assert_int_equal(target->engine->cancel(HEXAGENT_TRANSFER_TARGET, fresh), HEXAGENT_OK);
      world.run_for(10'000);
      return give->sent(id).status;
    }
    assert_int_equal(give->submit(wanted, &id), HEXAGENT_OK);
    world.run_for(10'000'000);
    assert_int_equal(give->sent(id).status, take->taken(token).status);
    if (give->sent(id).status == HEXAGENT_OK && random.below(16) == 0) {
      assert_true(same_content(*give, from, *take, to));  // slow
    }
    return give->sent(id).status;
  }
};

void every_harm_is_noticed_and_nothing_else(void**) {
  Case one;
  uint32_t counts[4] = {};
  for (uint32_t i = 0; i < kCases; ++i) {
    one.harm = static_cast<Harm>(i % 4);
    const hexagent_status status = one.run(one.random.between(2, kBlocks));
    ++counts[i % 4];
    switch (one.harm) {
      case Harm::kNone:
        assert_int_equal(status, HEXAGENT_OK);
        break;
      case Harm::kStaleToken:
        assert_int_equal(status, HEXAGENT_E_STALE);
        break;
      default:
        assert_int_equal(one.harmed, 1);
        assert_int_equal(status, HEXAGENT_E_CHECKSUM);
    }
    if (i % 256 == 0) one.source->seen.clear();
    if (i % 256 == 0) one.target->seen.clear();
  }
  assert_int_equal(counts[0], kCases / 4);
  assert_true(all_returned(one.world));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {cmocka_unit_test(every_harm_is_noticed_and_nothing_else)};
  return cmocka_run_group_tests_name("damaged transfers", tests, nullptr, nullptr);
}
