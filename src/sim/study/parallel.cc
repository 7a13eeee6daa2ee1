// Pool: see parallel.h.
#include "sim/study/parallel.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace hexagent::sim {

void run_tasks(size_t count, uint32_t threads, const std::function<void(size_t)>& task) {
  std::atomic<size_t> next{0};
  std::mutex guard;  // of `failure`
  std::exception_ptr failure;
  const auto work = [&] {
    for (;;) {
      const size_t index = next.fetch_add(1);
      if (index >= count) return;
      try {
        task(index);
      } catch (...) {
        const std::lock_guard<std::mutex> lock(guard);
        if (!failure) failure = std::current_exception();
        next.store(count);
      }
    }
  };
  std::vector<std::thread> pool;
  for (size_t i = 1; i < std::min<size_t>(threads, count); ++i) pool.emplace_back(work);
  work();
  for (std::thread& thread : pool) thread.join();
  if (failure) std::rethrow_exception(failure);
}

}  // namespace hexagent::sim
