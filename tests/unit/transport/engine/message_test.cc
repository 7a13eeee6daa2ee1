// Control messages from outside: what is malformed is dropped, and what is well-formed and wrong
// does no harm. Random bytes, random fields and messages out of turn against a live engine.
#include "transport/engine/message.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of small types

AnyMessage grant() {
  AnyMessage message;
  std::memset(static_cast<void*>(&message), 0, sizeof(message));
  message.grant.header = {kMessageMagic, kProtocolVersion, MessageKind::kGrant, 5, 6, 7};
  message.grant.slot_generation = 1;
  return message;
}

void a_message_is_checked_whole(void**) {
  AnyMessage out;
  AnyMessage message = grant();
  const size_t size = sizeof(GrantMessage);
  assert_true(read_message(&message, size, &out) == MessageCheck::kGood);
  assert_int_equal(out.grant.header.peer_session, 7);
  assert_true(read_message(nullptr, size, &out) == MessageCheck::kDamaged);
  for (size_t other = 0; other < sizeof(message); ++other) {
    if (other == size) continue;
    assert_true(read_message(&message, other, &out) == MessageCheck::kDamaged);
  }
  message.header.version = 2;
  assert_true(read_message(&message, 30, &out) == MessageCheck::kOtherVersion);
  message = grant();
  message.header.magic = 1;
  assert_true(read_message(&message, size, &out) == MessageCheck::kDamaged);
  message = grant();
  message.header.incarnation = 0;
  assert_true(read_message(&message, size, &out) == MessageCheck::kDamaged);
  message = grant();
  message.grant.slot_generation = 0;
  assert_true(read_message(&message, size, &out) == MessageCheck::kDamaged);
  message = grant();
  message.header.kind = static_cast<MessageKind>(99);
  assert_true(read_message(&message, size, &out) == MessageCheck::kDamaged);
}

void another_protocol_version_ends_the_connection(void**) {
  SimWorld world;
  SimWorker& one = world.add();
  SimWorker& other = world.add();
  world.connect(one, other);
  AnyMessage message = grant();
  message.header.version = 9;
  assert_int_equal(one.engine->control(2, &message, sizeof(GrantMessage)), HEXAGENT_E_VERSION);
  world.run_for(1'000'000);
  assert_int_equal(one.down_status, HEXAGENT_E_VERSION);
  assert_int_equal(other.down_status, HEXAGENT_E_PEER);
}

// Overhears real messages, changes them, and gives them to the target out of turn, while transfers
// run that must end, one way or the other.
void changed_messages_do_no_harm(void**) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    TestRandom random(seed);
    SimWorld world;
    world.limits.chunk_bytes_min = world.limits.slot_bytes = 4096;
    SimWorker& source = world.add();
    SimWorker& target = world.add();
    SimEnd give(&source, small_shape(16, 2), 1);
    SimEnd take(&target, small_shape(16, 2), 2);
    std::vector<AnyMessage> heard;
    world.lose = [&heard](uint32_t, uint32_t, const AnyMessage& message) {
      if (heard.size() < 200) heard.push_back(message);
      return false;
    };
    for (uint32_t i = 0; i < 300; ++i) {
      source.engine->connect(2);
      world.run_for(20'000);
      uint64_t token = 0;
      uint64_t id = 0;
      const std::vector<int32_t> ids = some_blocks(random.between(1, 16), 16, &random);
      if (take.reserve(1, ids, &token, world.now_ns + 5'000'000) == HEXAGENT_OK) {
        give.submit(give.transfer(2, ids, token), &id);
      }
      for (uint32_t k = 0; k < 10 && !heard.empty(); ++k) {
        AnyMessage message = heard[random.below(static_cast<uint32_t>(heard.size()))];
        const size_t size = message_size(message.header.kind);
        auto* bytes = reinterpret_cast<unsigned char*>(&message);
        const uint32_t changes = random.below(3);
        for (uint32_t change = 0; change < changes; ++change) {
          bytes[random.below(static_cast<uint32_t>(size))] =
              random.chance(50) ? static_cast<unsigned char>(random.below(256)) : 0;
        }
        const bool to_target = random.chance(50);
        (to_target ? target : source).engine->control(to_target ? 1 : 2, bytes, size);
        world.run_for(random.below(10'000));
      }
    }
    world.lose = nullptr;
    world.run_for(10'000'000'000);
    for (SimWorker& worker : world.workers) {
      const auto seen = worker.seen;
      for (const auto& [key, record] : seen) {
        if (record.terminal == 0) worker.engine->cancel(key.first, key.second);
      }
    }
    world.run_for(10'000'000'000);
    assert_true(all_ended_once(world));
    assert_true(all_returned(world));
  }
}

void random_bytes_are_dropped(void**) {
  TestRandom random(3);
  SimWorld world;
  SimWorker& one = world.add();
  world.add();
  world.connect(one, world.workers[1]);
  unsigned char bytes[512];
  for (uint32_t i = 0; i < 20'000; ++i) {
    random.fill(bytes, sizeof(bytes));
    if (random.chance(50)) std::memcpy(bytes, &kMessageMagic, sizeof(kMessageMagic));
    if (random.chance(50)) bytes[4] = 7;  // never the version, so it stays connected
    const hexagent_status status = one.engine->control(3, bytes, random.below(512));
    assert_true(status == HEXAGENT_E_DAMAGED || status == HEXAGENT_E_VERSION);
  }
  assert_int_equal(one.downs, 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_message_is_checked_whole),
      cmocka_unit_test(another_protocol_version_ends_the_connection),
      cmocka_unit_test(changed_messages_do_no_harm),
      cmocka_unit_test(random_bytes_are_dropped),
  };
  return cmocka_run_group_tests_name("control messages", tests, nullptr, nullptr);
}
