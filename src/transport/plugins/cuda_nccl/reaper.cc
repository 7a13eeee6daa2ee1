// Reaper: see reaper.h.
#include "transport/plugins/cuda_nccl/reaper.h"

#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "transport/plugins/cuda_nccl/device_memory.h"

namespace hexagent::transport {
namespace {

constexpr std::chrono::milliseconds kRestTime{100};

// Library threads block all signals: those are the host's.
template <class Body>
void start_thread(const Body& body) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  std::thread(body).detach();
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace

// Shared with the thread, which may live longer than the reaper.
struct Reaper::Work {
  using Clock = std::chrono::steady_clock;
  struct Release {
    Clock::time_point due;
    std::function<void()> release;
  };

  std::shared_ptr<DeviceRuntime> runtime;
  std::shared_ptr<MarkTable> marks;
  NcclApi api = {};
  std::chrono::nanoseconds linger{0};
  std::chrono::nanoseconds close{0};

  std::mutex mutex;
  std::condition_variable news;
  std::condition_variable rest;
  std::vector<DeadLink> links;
  std::deque<Release> releases;  // by due time, since the linger is one
  bool busy = false;
  bool closing = false;
  bool started = false;
  bool ended = false;

  bool empty() const { return links.empty() && releases.empty() && !busy; }

  // Revoked communicators come to rest by themselves; one that does not is aborted all the same.
  void wait_for_rest(const std::vector<DeadLink>& dead) const {
    const Clock::time_point until = Clock::now() + kRestTime;
    for (const DeadLink& link : dead) {
      int32_t error = link.comm != nullptr ? kNcclInProgress : kNcclSuccess;
      while (error == kNcclInProgress && Clock::now() < until) {
        if (api.comm_get_async_error(link.comm, &error) != kNcclSuccess) break;
        if (error == kNcclInProgress) std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    }
  }
  void end_links(std::vector<DeadLink>* dead) {
    const DeviceScope scope(runtime.get());
    for (const DeadLink& link : *dead) {
      if (link.comm != nullptr && api.comm_revoke != nullptr) api.comm_revoke(link.comm, 0);
    }
    if (api.comm_revoke != nullptr) wait_for_rest(*dead);
    for (DeadLink& link : *dead) {
      if (link.comm != nullptr) api.comm_abort(link.comm);
      if (link.stream != nullptr) runtime->release_stream(link.stream);
      if (link.mark != nullptr) marks->give_back(link.mark);
    }
    dead->clear();  // memory they used lingers from now on
  }
  void end_one_release(std::unique_lock<std::mutex>* lock) {
    const Release next = std::move(releases.front());
    releases.pop_front();
    lock->unlock();
    {
      const DeviceScope scope(runtime.get());
      next.release();
    }
    lock->lock();
  }
  void run() {
    std::unique_lock<std::mutex> lock(mutex);
    while (!closing || !empty()) {
      busy = true;
      if (!links.empty()) {
        std::vector<DeadLink> dead;
        dead.swap(links);
        lock.unlock();
        end_links(&dead);
        lock.lock();
      } else if (!releases.empty() && releases.front().due <= Clock::now()) {
        end_one_release(&lock);
      } else {
        busy = false;
        if (releases.empty()) {
          if (!closing) news.wait(lock);
        } else {
          news.wait_until(lock, releases.front().due);
        }
      }
      busy = false;
    }
    ended = true;
    rest.notify_all();
  }
  // With the mutex held.
  static void wake(const std::shared_ptr<Work>& work) {
    if (!work->started) start_thread([work] { work->run(); });
    work->started = true;
    work->news.notify_all();
  }
};

Reaper::Reaper(std::shared_ptr<DeviceRuntime> runtime, std::shared_ptr<MarkTable> marks,
               const NcclApi& api, int64_t linger_ns, int64_t close_ns)
    : work_(std::make_shared<Work>()) {
  work_->runtime = std::move(runtime);
  work_->marks = std::move(marks);
  work_->api = api;
  work_->linger = std::chrono::nanoseconds(linger_ns);
  work_->close = std::chrono::nanoseconds(close_ns);
}

Reaper::~Reaper() {
  std::unique_lock<std::mutex> lock(work_->mutex);
  work_->closing = true;
  work_->news.notify_all();
  if (!work_->started) return;
  work_->rest.wait_for(lock, work_->close, [this] { return work_->ended; });
}

void Reaper::bury(DeadLink link) {
  const std::lock_guard<std::mutex> lock(work_->mutex);
  work_->links.push_back(std::move(link));
  Work::wake(work_);
}

std::function<void(std::function<void()>)> Reaper::releaser() const {
  return [work = work_](std::function<void()> release) {
    const std::lock_guard<std::mutex> lock(work->mutex);
    work->releases.push_back({Work::Clock::now() + work->linger, std::move(release)});
    Work::wake(work);
  };
}

bool Reaper::idle() const {
  const std::lock_guard<std::mutex> lock(work_->mutex);
  return work_->empty();
}

}  // namespace hexagent::transport
