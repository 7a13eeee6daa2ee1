// Watcher: see watcher.h.
#include "transport/plugins/cuda_nccl/watcher.h"

#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

namespace hexagent::transport {
namespace {

constexpr int64_t kLookEveryNs = 4'000;
constexpr uint32_t kLooksPerPoll = 25;

}  // namespace

hexagent_status Watcher::start() {
  descriptor_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (descriptor_ < 0) return HEXAGENT_E_SYSTEM;
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);  // signals are the host's
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return HEXAGENT_OK;
}

Watcher::~Watcher() {
  if (thread_.joinable()) {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      ending_ = true;
    }
    news_.notify_one();
    thread_.join();
  }
  if (descriptor_ >= 0) close(descriptor_);
}

void Watcher::clear() {
  uint64_t count = 0;
  while (read(descriptor_, &count, sizeof(count)) > 0) continue;
}

void Watcher::signal() const {
  const uint64_t one = 1;
  // Full means that it is readable already.
  if (write(descriptor_, &one, sizeof(one)) < 0) return;
}

void Watcher::watch(bool marks, bool poll) {
  if (marks == marks_wanted_.load(std::memory_order_relaxed) &&
      poll == poll_wanted_.load(std::memory_order_relaxed)) {
    return;
  }
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    marks_wanted_ = marks;
    poll_wanted_ = poll;
  }
  news_.notify_one();
}

void Watcher::run() {
  prctl(PR_SET_TIMERSLACK, 1);  // else a sleep of 4 us takes 50
  uint64_t seen = marks_->fingerprint();
  uint32_t looks = 0;
  while (!ending_) {
    if (!marks_wanted_ && !poll_wanted_) {
      std::unique_lock<std::mutex> lock(mutex_);
      news_.wait(lock, [this] { return marks_wanted_ || poll_wanted_ || ending_; });
      continue;
    }
    const uint64_t now = marks_->fingerprint();
    const bool poll = poll_wanted_ && ++looks % kLooksPerPoll == 0;
    if (now != seen || poll) signal();
    seen = now;
    const timespec nap = {0, kLookEveryNs};
    nanosleep(&nap, nullptr);
  }
}

}  // namespace hexagent::transport
