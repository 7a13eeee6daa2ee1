// PeerMemory: another process is read; one that is gone, forbidden or somebody else is not.
#include "transport/host/peer_memory.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "unit/transport/no_reading.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

constexpr size_t kBytes = 1 << 20;

uint64_t address_of(const void* memory) { return reinterpret_cast<uintptr_t>(memory); }

// A child that has marked itself, with its memory filled with 7, and waits to be killed.
struct Child {
  pid_t process = 0;
  MemoryMark mark = {};
  uint64_t memory = 0;

  Child() {
    need_reading();
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    process = fork();
    if (process == 0) {
      alarm(60);
      void* own = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      std::memset(own, 7, kBytes);
      const std::unique_ptr<OwnMark> made = OwnMark::create();
      mark = made->mark();
      memory = address_of(own);
      if (write(pipes[1], &mark, sizeof(mark)) < 0 || write(pipes[1], &memory, 8) < 0) _exit(1);
      for (;;) pause();
    }
    assert_int_equal(read(pipes[0], &mark, sizeof(mark)), sizeof(mark));
    assert_int_equal(read(pipes[0], &memory, 8), 8);
    close(pipes[0]);
    close(pipes[1]);
  }
  ~Child() { end(); }
  void end() {
    if (process == 0) return;
    kill(process, SIGKILL);
    waitpid(process, nullptr, 0);
    process = 0;
  }
};

void another_process_is_read(void**) {
  Child child;
  const PeerMemory peer(child.mark);
  ReadBatch batch;
  assert_int_equal(peer.probe(&batch), HEXAGENT_OK);
  std::vector<unsigned char> got(kBytes, 0);
  assert_true(batch.add(address_of(got.data()), child.memory + 5, 1000));
  assert_true(batch.add(address_of(got.data()) + 2000, child.memory, 3));
  assert_int_equal(peer.read(&batch), HEXAGENT_OK);
  assert_true(batch.empty());
  for (size_t i = 0; i < kBytes; ++i) {
    assert_int_equal(got[i], i < 1000 || (i >= 2000 && i < 2003) ? 7 : 0);
  }
}

void a_batch_takes_what_the_system_takes(void**) {
  Child child;
  const PeerMemory peer(child.mark);
  ReadBatch batch;
  std::vector<unsigned char> got(kBytes, 0);
  for (uint32_t i = 0; i < ReadBatch::kPiecesMax; ++i) {
    // Apart from each other in the peer, in one piece here.
    assert_true(batch.add(address_of(got.data()) + i, child.memory + size_t{2} * i, 1));
  }
  assert_false(batch.add(address_of(got.data()) + ReadBatch::kPiecesMax, child.memory + 4096, 1));
  // What goes on where the last ended is no new piece.
  assert_true(batch.add(address_of(got.data()) + ReadBatch::kPiecesMax,
                        child.memory + 2 * (ReadBatch::kPiecesMax - 1) + 1, 1));
  assert_int_equal(peer.read(&batch), HEXAGENT_OK);
  for (uint32_t i = 0; i <= ReadBatch::kPiecesMax; ++i) assert_int_equal(got[i], 7);
  assert_int_equal(got[ReadBatch::kPiecesMax + 1], 0);
}

void somebody_else_is_not_believed(void**) {
  Child child;
  Child other;
  ReadBatch batch;
  MemoryMark wrong = child.mark;
  wrong.nonce[1] ^= 1;
  assert_int_equal(PeerMemory(wrong).probe(&batch), HEXAGENT_E_PEER);
  // The number names another process, as after its reuse or in another namespace.
  wrong = child.mark;
  wrong.process = other.mark.process;
  assert_int_equal(PeerMemory(wrong).probe(&batch), HEXAGENT_E_PEER);
  unsigned char got[16] = {};
  assert_true(batch.add(address_of(got), child.memory, sizeof(got)));
  assert_int_equal(PeerMemory(wrong).read(&batch), HEXAGENT_E_PEER);
  // Who does not want to be read has no number.
  assert_int_equal(PeerMemory().probe(&batch), HEXAGENT_E_UNSUPPORTED);
  wrong.process = UINT32_MAX;
  assert_int_equal(PeerMemory(wrong).probe(&batch), HEXAGENT_E_UNSUPPORTED);
}

void the_dead_are_gone(void**) {
  Child child;
  const PeerMemory peer(child.mark);
  ReadBatch batch;
  unsigned char got[16] = {};
  kill(child.process, SIGKILL);
  siginfo_t info = {};
  waitid(P_PID, static_cast<id_t>(child.process), &info,
         WEXITED | WNOWAIT);  // it has no memory now
  assert_true(batch.add(address_of(got), child.memory, sizeof(got)));
  assert_int_equal(peer.read(&batch), HEXAGENT_E_PEER);
  child.end();
  assert_true(batch.add(address_of(got), child.memory, sizeof(got)));
  assert_int_equal(peer.read(&batch), HEXAGENT_E_PEER);
}

void memory_that_is_not_there_is_an_error(void**) {
  Child child;
  const PeerMemory peer(child.mark);
  ReadBatch batch;
  unsigned char got[32] = {};
  assert_true(batch.add(address_of(got), 4096, 16));  // nothing is mapped there
  assert_int_equal(peer.read(&batch), HEXAGENT_E_SYSTEM);
  assert_true(batch.add(address_of(got), child.memory, 16));
  assert_true(batch.add(address_of(got) + 16, 4096, 16));
  assert_int_equal(peer.read(&batch), HEXAGENT_E_SYSTEM);
  assert_true(batch.add(address_of(got), child.memory, 16));
  assert_int_equal(peer.read(&batch), HEXAGENT_OK);
  assert_true(kernel_reads(address_of(got), address_of(got) + 31));
  assert_false(kernel_reads(address_of(got), 4096));
}

void what_the_system_forbids_is_told_apart(void**) {
  Child child;
  const pid_t reader = fork();
  if (reader == 0) {
    alarm(60);
    forbid_reading();
    ReadBatch batch;
    _exit(PeerMemory(child.mark).probe(&batch) == HEXAGENT_E_UNSUPPORTED ? 0 : 1);
  }
  int status = 0;
  assert_true(waitpid(reader, &status, 0) == reader);
  assert_int_equal(status, 0);
}

void a_forked_child_is_not_its_parent(void**) {
  need_reading();
  const std::unique_ptr<OwnMark> own = OwnMark::create();
  assert_non_null(own.get());
  ReadBatch batch;
  assert_int_equal(PeerMemory(own->mark()).probe(&batch),
                   HEXAGENT_OK);  // this process reads itself
  const pid_t copy = fork();
  if (copy == 0) {
    alarm(60);
    for (;;) pause();
  }
  MemoryMark mark = own->mark();
  mark.process = static_cast<uint32_t>(copy);  // as if it had got its parent's number
  assert_int_equal(PeerMemory(mark).probe(&batch), HEXAGENT_E_PEER);
  kill(copy, SIGKILL);
  waitpid(copy, nullptr, 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(another_process_is_read),
      cmocka_unit_test(a_batch_takes_what_the_system_takes),
      cmocka_unit_test(somebody_else_is_not_believed),
      cmocka_unit_test(the_dead_are_gone),
      cmocka_unit_test(memory_that_is_not_there_is_an_error),
      cmocka_unit_test(what_the_system_forbids_is_told_apart),
      cmocka_unit_test(a_forked_child_is_not_its_parent),
  };
  return cmocka_run_group_tests_name("peer memory", tests, nullptr, nullptr);
}
