// The host-memory transport between two processes, with one copy and with two: a transfer arrives,
// and when the peer is killed everything ends and nothing is left open. What the system forbids to
// read goes through staging.
#include "transport/host/host_memory.h"
#include "unit/transport/family.h"
#include "unit/transport/no_reading.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr const char* kOneCopy = "one_copy_min=0";
constexpr const char* kTwoCopies = "one_copy=off";

FamilyWish wish_of(const char* options, uint32_t flags = 0) {
  FamilyWish wish;
  wish.source_options = wish.target_options = options;
  wish.flags = flags;
  return wish;
}

void a_transfer_crosses_processes(void**) {
  for (const char* options : {static_cast<const char*>(nullptr), kOneCopy, kTwoCopies}) {
    for (const uint32_t flags : {0u, uint32_t{HEXAGENT_TRANSFER_CHECKSUM}}) {
      crosses_processes(host_memory_ops(), wish_of(options, flags));
    }
  }
}

void either_end_may_want_two_copies(void**) {
  FamilyWish wish = wish_of(kOneCopy);
  wish.source_options = kTwoCopies;
  crosses_processes(host_memory_ops(), wish);
  std::swap(wish.source_options, wish.target_options);
  crosses_processes(host_memory_ops(), wish);
}

// Part of acceptance row A16: the host sees the control path reset and says so, unless the read of
// a chunk has found it out before.
void kill_peers(const FamilyWish& wish, uint32_t count) {
  const uint32_t before = hexagent::test::descriptors_open();
  for (uint32_t i = 0; i < count; ++i) {
    Family family(host_memory_ops(), wish);
    LocalHost& host = family.target.host;
    // Some layers are here, the others will never come.
    family.until([&] {
      const hexagent_transfer_event* chunk = host.find(HEXAGENT_TRANSFER_CHUNK, family.token);
      return chunk != nullptr && chunk->layers >= i % 3;
    });
    family.end(SIGKILL);
    while (family.target.turn()) continue;
    const hexagent_status status = host.ops->disconnect(host.transport, 1, HEXAGENT_E_PEER);
    assert_true(status == HEXAGENT_OK || status == HEXAGENT_E_UNKNOWN_WORKER);
    host.progress();
    const hexagent_transfer_event* failed = host.find(HEXAGENT_TRANSFER_FAILED, family.token);
    assert_non_null(failed);
    assert_int_equal(failed->status, HEXAGENT_E_PEER);
    assert_non_null(host.find(HEXAGENT_TRANSFER_QUIESCED, family.token));
    assert_int_equal(host.ops->unregister_pool(host.transport, family.target.pool), HEXAGENT_OK);
  }
  assert_int_equal(hexagent::test::descriptors_open(), before);
}

void a_killed_peer_ends_everything_and_leaves_nothing(void**) {
  for (const char* options : {kTwoCopies, kOneCopy}) {
    FamilyWish wish = wish_of(options);
    wish.slow = true;
    kill_peers(wish, 50);
  }
}

// Chunks that it has offered lie before us when it is dead: they are read from nobody.
void a_dead_peer_is_found_by_reading(void**) {
  need_reading();
  uint32_t found = 0;
  for (uint32_t i = 0; i < 20; ++i) {
    Family family(host_memory_ops(), wish_of(kOneCopy));
    LocalHost& host = family.target.host;
    // It answers HELLO, takes the token and offers; we look only when it is dead.
    usleep(20'000);
    family.end(SIGKILL);
    while (family.target.turn()) continue;
    const hexagent_transfer_event* failed = host.find(HEXAGENT_TRANSFER_FAILED, family.token);
    if (failed == nullptr) continue;  // it had not come to its offer
    assert_int_equal(failed->status, HEXAGENT_E_PEER);
    assert_non_null(host.find(HEXAGENT_TRANSFER_QUIESCED, family.token));
    assert_non_null(host.find(HEXAGENT_TRANSFER_PEER_DOWN, 0));
    ++found;
  }
  assert_true(found > 0);
}

// A source that cancels when it likes and uses its blocks for something else once they are quiet.
constexpr uint32_t kFickleRounds = 300;

int64_t now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// When it cancels: about when transfers end on this machine, however fast it is.
class CancelTime {
 public:
  void wait(TestRandom* random) const {
    const int64_t until = now_ns() + random->below(static_cast<uint32_t>(longest_ns_));
    while (now_ns() < until) continue;
  }
  void too_late() { longest_ns_ = std::max<int64_t>(longest_ns_ * 3 / 4, 1'000); }
  void in_time() { longest_ns_ = std::min<int64_t>(longest_ns_ * 4 / 3, 100'000'000); }

 private:
  int64_t longest_ns_ = 1'000'000;
};

[[noreturn]] void be_fickle(FamilyProcess* self, int tokens) {
  TestRandom random(13);
  CancelTime cancel_time;
  unsigned char* memory = self->memory.memory.get();
  const LocalHost& host = self->host;
  while (host.find(HEXAGENT_TRANSFER_PEER_UP, 0) == nullptr) {
    if (!self->turn()) _exit(0);
  }
  for (uint32_t round = 1;; ++round) {
    hexagent_kv_transfer transfer = {};
    while (read(tokens, &transfer.token, sizeof(transfer.token)) != sizeof(transfer.token)) {
      if (!self->turn()) _exit(0);
    }
    std::memset(memory, static_cast<int>(round % 200), self->memory.bytes);
    std::vector<int32_t> ids;
    transfer.struct_size = sizeof(transfer);
    transfer.peer_worker = 2;
    transfer.source = self->all(&ids);
    uint64_t id = 0;
    if (host.ops->submit(host.transport, &transfer, &id) != HEXAGENT_OK) _exit(1);
    const bool at_once = random.chance(10);  // before the target has heard of it
    const bool later = !at_once && random.chance(80);
    if (!at_once && !self->work()) _exit(0);
    if (later) cancel_time.wait(&random);
    if (at_once || later) {
      host.ops->cancel(host.transport, HEXAGENT_TRANSFER_SOURCE, id);
      if (!self->work()) _exit(0);
    }
    while (host.find(HEXAGENT_TRANSFER_QUIESCED, id) == nullptr) {
      if (!self->turn()) _exit(0);
    }
    if (later && host.find(HEXAGENT_TRANSFER_DONE, id) != nullptr) cancel_time.too_late();
    if (later && host.find(HEXAGENT_TRANSFER_DONE, id) == nullptr) cancel_time.in_time();
    std::memset(memory, 0xff, self->memory.bytes);
    self->host.events.clear();
  }
}

void what_counts_was_read_before_it_changed(void**) {
  FamilyWish wish = wish_of(kOneCopy);
  wish.source = be_fickle;
  wish.slot_bytes = 1u << 20;  // two chunks, which can be offered at once
  Family family(host_memory_ops(), wish);
  LocalHost& host = family.target.host;
  uint32_t done = 0;
  for (uint32_t round = 1; round <= kFickleRounds; ++round) {
    family.until([&] { return host.find(HEXAGENT_TRANSFER_QUIESCED, family.token) != nullptr; });
    if (host.find(HEXAGENT_TRANSFER_DONE, family.token) != nullptr) {
      ++done;
      const unsigned char* memory = family.target.memory.memory.get();
      for (size_t at = 0; at < family.target.memory.bytes; ++at) {
        if (memory[at] != round % 200) fail();
      }
    } else {
      assert_int_equal(host.find(HEXAGENT_TRANSFER_FAILED, family.token)->status,
                       HEXAGENT_E_CANCELLED);
    }
    host.events.clear();
    family.promise();
  }
  // Those never cancelled and those cancelled at once see to it, at any speed.
  assert_in_range(done, 1, kFickleRounds - 1);
}

void what_may_not_be_read_comes_in_two_copies(void**) {
  need_reading();
  const pid_t forbidden = fork();
  if (forbidden == 0) {
    forbid_reading();
    Family family(host_memory_ops(), wish_of(kOneCopy));
    LocalHost& host = family.target.host;
    family.until([&] { return host.find(HEXAGENT_TRANSFER_QUIESCED, family.token) != nullptr; });
    const bool done = host.find(HEXAGENT_TRANSFER_DONE, family.token) != nullptr;
    _exit(done && host.logged("may not be read") ? 0 : 1);
  }
  int status = 0;
  assert_true(waitpid(forbidden, &status, 0) == forbidden);
  assert_int_equal(status, 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_transfer_crosses_processes),
      cmocka_unit_test(either_end_may_want_two_copies),
      cmocka_unit_test(a_killed_peer_ends_everything_and_leaves_nothing),
      cmocka_unit_test(a_dead_peer_is_found_by_reading),
      cmocka_unit_test(what_counts_was_read_before_it_changed),
      cmocka_unit_test(what_may_not_be_read_comes_in_two_copies),
  };
  return cmocka_run_group_tests_name("host memory, two processes", tests, nullptr, nullptr);
}
