// Question: something an asker on another thread wants to know of the core.
//
// The core has one thread and no lock, so a question travels through the intake ring, in order with
// the inputs, and the loop thread answers it while the asker waits. It is no input: the journal
// never sees it, and being asked changes no decision. Tests: tests/abi/thread_driving_test.c.
#pragma once

#include <semaphore.h>

#include <cerrno>
#include <cstdint>

namespace hexagent {

// Lives on the asker's stack.
class Question {
 public:
  using Answer = int32_t (*)(void* context) noexcept;

  Question(Answer function, void* context) : answer_(function), context_(context) {
    sem_init(&answered_, 0, 0);
  }
  ~Question() { sem_destroy(&answered_); }
  Question(const Question&) = delete;
  Question& operator=(const Question&) = delete;

  // [loop thread] Once. The asker may be gone on return. A semaphore and not a C++20 atomic wait:
  // POSIX lets the waiter destroy it as soon as it has woken, also while sem_post() is returning.
  void answer() noexcept {
    result_ = answer_(context_);
    sem_post(&answered_);
  }

  // [asker] Waits for answer(). sem_post() and sem_wait() synchronise, so `result_`, and what the
  // answer wrote to the asker's memory, are visible.
  int32_t wait() noexcept {
    while (sem_wait(&answered_) != 0 && errno == EINTR) continue;
    return result_;
  }

  Question* next = nullptr;  // for the driver, which keeps those it has met in a list

 private:
  Answer answer_;
  void* context_;
  int32_t result_ = 0;
  sem_t answered_;
};

}  // namespace hexagent
