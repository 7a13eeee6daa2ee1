// One copy behind the table of the host-memory transport: when it is made, that blocks are read
// before they are free, and what becomes of a chunk whose source takes it back, changes it or
// cannot be read any more. One process is both ends, and each step is made by hand.
#include <sys/mman.h>

#include <tuple>

#include "transport/host/host_memory.h"
#include "unit/transport/host_pair.h"
#include "unit/transport/no_reading.h"

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one transport

constexpr unsigned char kCanary = 0xc5;
constexpr unsigned char kGiven = 1;
constexpr uint32_t kBlocks = 8;
constexpr const char* kAlways = "one_copy_min=0";

struct Lending : HostPair {
  TestPool give;
  TestPool take;
  std::vector<int32_t> ids = {1, 3, 4, 6};
  hexagent_kv_blocks from = {};
  hexagent_kv_blocks to = {};
  uint64_t id = 0;
  uint64_t token = 0;

  explicit Lending(const char* source_options = kAlways, const char* target_options = kAlways,
                   uint32_t slot_bytes = 1u << 20, uint32_t head_bytes = 64)
      : give(shape(head_bytes), 0, kGiven), take(shape(head_bytes), 0, kCanary) {
    need_reading();
    open_end(&source, 1, source_options, slot_bytes);
    open_end(&target, 2, target_options, slot_bytes);
    from.pool = enter(source, give);
    to.pool = enter(target, take);
    from.blocks = to.blocks = ids.data();
    from.block_count = to.block_count = static_cast<uint32_t>(ids.size());
  }
  static hexagent_kv_pool shape(uint32_t head_bytes) {
    hexagent_kv_pool shape = small_shape(kBlocks);
    shape.head_bytes = head_bytes;
    shape.block_stride_bytes = block_bytes(shape);
    return shape;
  }
  static void open_end(LocalHost* host, uint32_t worker, const char* options, uint32_t slot_bytes) {
    hexagent_transport_config config = LocalHost::config(worker);
    config.options = options;
    config.slot_bytes = config.chunk_bytes_min = slot_bytes;
    assert_int_equal(host->open(host_memory_ops(), config), HEXAGENT_OK);
  }
  void connect() {
    assert_int_equal(source.ops->connect(source.transport, 2), HEXAGENT_OK);
    run_both(&source, &target);
  }
  void start(uint32_t flags = 0) { std::tie(id, token) = begin(from, to, flags); }
  static void work(const LocalHost& host) {
    int64_t next = 0;
    host.ops->progress(host.transport, 0, &next);
  }
  static void deliver(LocalHost* sender, const LocalHost& receiver, uint32_t worker) {
    for (; !sender->sent.empty(); sender->sent.pop_front()) {
      const std::vector<unsigned char>& message = sender->sent.front().second;
      receiver.ops->control(receiver.transport, worker, message.data(), message.size());
    }
  }
  // Until the target has been told of what the source has pushed, and has not looked yet.
  void offer(uint32_t flags = 0) {
    start(flags);
    work(source);
    deliver(&source, target, 1);
  }
  void finish() { run_both(&source, &target); }
  void scribble(unsigned char with) { std::memset(give.memory.get(), with, give.bytes); }
  // All bytes of the transfer's blocks.
  bool target_holds(unsigned char value) const {
    for (const uint64_t base : take.pool.bases) {
      for (const int32_t block : ids) {
        const auto* at = reinterpret_cast<const unsigned char*>(static_cast<uintptr_t>(base)) +
                         static_cast<size_t>(block) * take.pool.shape.block_stride_bytes;
        for (size_t i = 0; i < take.pool.shape.block_stride_bytes; ++i) {
          if (at[i] != value) return false;
        }
      }
    }
    return true;
  }
  hexagent_status status_of(const LocalHost& host, uint64_t which) const {
    const hexagent_transfer_event* failed = host.find(HEXAGENT_TRANSFER_FAILED, which);
    assert_true((failed == nullptr) != (host.find(HEXAGENT_TRANSFER_DONE, which) == nullptr));
    return failed == nullptr ? hexagent_status{HEXAGENT_OK} : failed->status;
  }
  bool quiesced(const LocalHost& host, uint64_t which) const {
    return host.find(HEXAGENT_TRANSFER_QUIESCED, which) != nullptr;
  }
};

// What the source changes after it has pushed tells where the chunk lies: an embedder may not.
bool is_read_in_place(Lending* test, uint32_t flags = 0) {
  test->scribble(kGiven);
  test->offer(flags);
  test->scribble(2);
  test->finish();
  assert_int_equal(test->status_of(test->target, test->token), HEXAGENT_OK);
  assert_true(test->target_holds(2) != test->target_holds(kGiven));
  return test->target_holds(2);
}

void one_copy_is_made_where_both_ends_want_it(void**) {
  const auto with = [](const char* source, const char* target, uint32_t flags) {
    Lending test(source, target);
    test.connect();
    return is_read_in_place(&test, flags);
  };
  assert_true(with(kAlways, kAlways, 0));
  assert_true(with(kAlways, nullptr, 0));   // the source chooses
  assert_false(with(nullptr, kAlways, 0));  // its pieces are short
  assert_false(with("one_copy=off", kAlways, 0));
  assert_false(with(kAlways, "one_copy=off", 0));
  // Sums are part of two copies.
  assert_false(with(kAlways, kAlways, HEXAGENT_TRANSFER_CHECKSUM));
}

void pieces_that_are_long_enough_are_read_in_place(void**) {
  for (const uint32_t head_bytes : {128u, 256u, 512u}) {
    Lending test(nullptr, nullptr, 1u << 20, head_bytes);
    test.ids = {1, 3, 5, 7};  // pieces of one block of 32 heads and tokens
    test.from.blocks = test.to.blocks = test.ids.data();
    test.connect();
    assert_true(is_read_in_place(&test) ==
                (uint64_t{head_bytes} * 32 >= HostMemoryOptions().one_copy_min));
  }
}

// A source's mover that has met a target which reads it.
struct Movers {
  HostMemoryMover source;
  HostMemoryMover target;

  explicit Movers(const HostMemoryOptions& options) : source(options, 1), target(options, 1) {
    need_reading();
    unsigned char address[kAddressMax];
    size_t size = 0;
    assert_int_equal(target.open_staging(0, 1, kSlotBytes, address, &size), HEXAGENT_OK);
    assert_int_equal(source.attach(0, 1, kSlotBytes, address, size), HEXAGENT_OK);
    assert_int_equal(source.open_staging(0, 1, kSlotBytes, address, &size), HEXAGENT_OK);
    assert_int_equal(target.attach(0, 1, kSlotBytes, address, size), HEXAGENT_OK);
    MoverNote note;
    assert_false(source.settled(0));
    assert_true(target.take_note(&note));
    source.on_note(note);
    assert_true(source.settled(0));
  }
  void push(const KvCopy& copy) {
    MoveJob job;
    job.copy = &copy;
    job.fragment_count = fragment_count(copy);
    job.staged_bytes = fragment_staged_offset(copy, job.fragment_count);
    job.slot_generation = 1;
    job.lends = true;
    source.push(job);
    MoveResult result = {};
    assert_int_equal(source.run(1, &result, 1), 1);
    assert_true(result.lent);
  }
  static constexpr uint32_t kSlotBytes = 1u << 20;
};

// In long transfers alone, and once it has been found out.
void what_is_slow_for_the_kernel_is_packed(void**) {
  const TestPool pool(Lending::shape(64), 0, kGiven);
  std::vector<int32_t> ids = {1, 3, 5, 6};
  hexagent_kv_blocks blocks = {};
  blocks.blocks = ids.data();
  blocks.block_count = 1;
  const KvCopy short_one = make_copy(pool.pool, blocks, ids.data(), wire_shape(pool.pool, blocks));
  blocks.block_count = static_cast<uint32_t>(ids.size());
  const KvCopy long_one = make_copy(pool.pool, blocks, ids.data(), wire_shape(pool.pool, blocks));
  HostMemoryOptions options;
  options.kernels = &best_kernels();
  options.one_copy_min = 1;
  options.short_bytes = fragment_staged_offset(short_one, fragment_count(short_one));
  for (const double most : {0.0, 1e12}) {
    options.slowness_max = most;
    Movers movers(options);
    assert_true(movers.source.lends(0, long_one, false));
    movers.push(short_one);  // nothing is learnt from it
    assert_true(movers.source.lends(0, long_one, false));
    movers.push(long_one);
    assert_true(movers.source.lends(0, long_one, false) == (most > 0.0));
    assert_true(movers.source.lends(0, short_one, false));
  }
}

void it_is_known_before_the_first_transfer(void**) {
  Lending test;
  assert_int_equal(test.source.ops->connect(test.source.transport, 2), HEXAGENT_OK);
  assert_int_equal(test.target.ops->connect(test.target.transport, 1), HEXAGENT_OK);
  test.start();
  // Everything of the connection but what the source pushes.
  while (!test.source.sent.empty() || !test.target.sent.empty()) {
    Lending::deliver(&test.source, test.target, 1);
    Lending::deliver(&test.target, test.source, 2);
  }
  Lending::work(test.source);
  test.scribble(2);
  test.finish();
  assert_int_equal(test.status_of(test.target, test.token), HEXAGENT_OK);
  assert_true(test.target_holds(2));
  assert_true(test.target.logged("can be read: one copy"));
}

void a_slot_without_room_for_the_list_takes_the_bytes(void**) {
  // Rows of one head: 64 bytes of KV need 16 of the list, whole blocks of the others less.
  Lending test(kAlways, kAlways, 4096, 4);
  test.from.head_count = test.to.head_count = 1;
  test.connect();
  test.start();
  test.finish();
  assert_int_equal(test.status_of(test.target, test.token), HEXAGENT_OK);
}

void blocks_are_free_when_they_are_read(void**) {
  Lending test;
  test.connect();
  test.offer();
  Lending::work(test.source);
  assert_false(test.quiesced(test.source, test.id));
  assert_int_equal(test.source.ops->unregister_pool(test.source.transport, test.from.pool),
                   HEXAGENT_E_STATE);
  Lending::work(test.target);  // reads
  assert_true(test.quiesced(test.target, test.token));
  assert_false(test.quiesced(test.source, test.id));  // it does not know yet
  test.finish();
  assert_int_equal(test.status_of(test.source, test.id), HEXAGENT_OK);
  assert_true(test.quiesced(test.source, test.id));
  assert_int_equal(test.source.ops->unregister_pool(test.source.transport, test.from.pool),
                   HEXAGENT_OK);
  assert_true(test.target_holds(kGiven));
}

void what_is_taken_back_is_not_read(void**) {
  Lending test;
  test.connect();
  test.offer();
  assert_int_equal(
      test.source.ops->cancel(test.source.transport, HEXAGENT_TRANSFER_SOURCE, test.id),
      HEXAGENT_OK);
  Lending::work(test.source);
  assert_true(test.quiesced(test.source, test.id));  // without a word of the target's
  test.scribble(0xff);
  Lending::work(test.target);
  assert_int_equal(test.status_of(test.target, test.token), HEXAGENT_E_CANCELLED);
  assert_true(test.quiesced(test.target, test.token));
  assert_true(test.target_holds(kCanary));
  test.finish();
  assert_true(is_read_in_place(&test));  // its slot is good again
}

void a_lost_source_is_not_read(void**) {
  Lending test;
  test.connect();
  test.offer();
  assert_int_equal(test.source.ops->disconnect(test.source.transport, 2, HEXAGENT_E_PEER),
                   HEXAGENT_OK);
  Lending::work(test.source);
  assert_true(test.quiesced(test.source, test.id));
  test.scribble(0xff);
  Lending::work(test.target);
  assert_int_equal(test.status_of(test.target, test.token), HEXAGENT_E_PEER);
  assert_true(test.target_holds(kCanary));
}

void a_closed_source_is_not_read(void**) {
  Lending test;
  test.connect();
  test.offer();
  test.source.close();
  test.scribble(0xff);
  Lending::work(test.target);
  assert_int_equal(test.status_of(test.target, test.token), HEXAGENT_E_CLOSED);
  assert_true(test.target_holds(kCanary));
}

// Its memory goes away too early: the transfer fails, nobody crashes, and the next is packed.
void memory_that_cannot_be_read_ends_one_copy(void**) {
  Lending test;
  test.connect();
  test.offer();
  const size_t bytes = (test.give.bytes + 4095) / 4096 * 4096;
  assert_int_equal(mprotect(test.give.memory.get(), bytes, PROT_NONE), 0);
  Lending::work(test.target);
  assert_int_equal(mprotect(test.give.memory.get(), bytes, PROT_READ | PROT_WRITE), 0);
  test.finish();
  assert_int_equal(test.status_of(test.target, test.token), HEXAGENT_E_SYSTEM);
  assert_int_equal(test.status_of(test.source, test.id), HEXAGENT_E_SYSTEM);
  assert_true(test.quiesced(test.source, test.id) && test.quiesced(test.target, test.token));
  assert_true(test.target.logged("could not be read any more"));
  assert_false(is_read_in_place(&test));
}

// At any step, on either side: what the target counts as done is what was given, although the
// source's blocks are filled with something else as soon as they are free.
void cancelled_at_any_step_nothing_wrong_counts(void**) {
  TestRandom random(9);
  Lending test(kAlways, kAlways, 4096);
  test.connect();
  uint32_t ended_apart = 0;
  for (uint32_t i = 0; i < 1000; ++i) {
    std::memset(test.take.memory.get(), kCanary, test.take.bytes);
    test.scribble(kGiven);
    test.start();
    const uint32_t at = random.below(24);
    const bool by_source = random.chance(50);
    for (uint32_t step = 0; step < 60; ++step) {
      if (step == at) {
        const LocalHost& host = by_source ? test.source : test.target;
        host.ops->cancel(host.transport,
                         by_source ? HEXAGENT_TRANSFER_SOURCE : HEXAGENT_TRANSFER_TARGET,
                         by_source ? test.id : test.token);
      }
      LocalHost& one = random.chance(50) ? test.source : test.target;
      LocalHost& other = &one == &test.source ? test.target : test.source;
      int64_t next = 0;
      one.ops->progress(one.transport, 1, &next);
      if (test.quiesced(test.source, test.id)) test.scribble(0xff);
      if (random.chance(60)) Lending::deliver(&one, other, &one == &test.source ? 1 : 2);
    }
    test.finish();
    assert_true(test.quiesced(test.source, test.id) && test.quiesced(test.target, test.token));
    const hexagent_status at_target = test.status_of(test.target, test.token);
    if (at_target == HEXAGENT_OK) assert_true(test.target_holds(kGiven));
    ended_apart += at_target != test.status_of(test.source, test.id) ? 1 : 0;
    test.source.events.clear();
    test.target.events.clear();
  }
  assert_true(ended_apart < 1000);
}

void options_are_checked(void**) {
  for (const char* bad : {"one_copy=maybe", "one_copy_min=", "one_copy_min=-1", "one_copy_min=4k",
                          "ptracer=all", "ptracer"}) {
    LocalHost host;
    hexagent_transport_config config = LocalHost::config(1);
    config.options = bad;
    assert_int_equal(host.open(host_memory_ops(), config), HEXAGENT_E_KEY);
  }
  for (const char* good : {"one_copy=on one_copy_min=65536", "one_copy=off", "ptracer=none"}) {
    LocalHost host;
    hexagent_transport_config config = LocalHost::config(1);
    config.options = good;
    assert_int_equal(host.open(host_memory_ops(), config), HEXAGENT_OK);
  }
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(one_copy_is_made_where_both_ends_want_it),
      cmocka_unit_test(pieces_that_are_long_enough_are_read_in_place),
      cmocka_unit_test(what_is_slow_for_the_kernel_is_packed),
      cmocka_unit_test(it_is_known_before_the_first_transfer),
      cmocka_unit_test(a_slot_without_room_for_the_list_takes_the_bytes),
      cmocka_unit_test(blocks_are_free_when_they_are_read),
      cmocka_unit_test(what_is_taken_back_is_not_read),
      cmocka_unit_test(a_lost_source_is_not_read),
      cmocka_unit_test(a_closed_source_is_not_read),
      cmocka_unit_test(memory_that_cannot_be_read_ends_one_copy),
      cmocka_unit_test(cancelled_at_any_step_nothing_wrong_counts),
      cmocka_unit_test(options_are_checked),
  };
  return cmocka_run_group_tests_name("host memory, lending", tests, nullptr, nullptr);
}
