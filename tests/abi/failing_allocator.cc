// Failing allocator: see failing_allocator.h. All forms of new are replaced, or a sanitizer's own
// would meet our free().
#include "failing_allocator.h"

#include <pthread.h>
#include <uv.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>

namespace {

// The library's thread allocates too, hence the atomics; they count and guard nothing.
std::atomic<uint64_t> until_failure{0};  // 0 = never
std::atomic<bool> has_failed{false};
std::atomic<int64_t> live{0};
std::atomic<const char*> only_in{nullptr};

bool counts_here() {
  char name[16] = "";
  const char* wanted = only_in.load(std::memory_order_acquire);
  return wanted == nullptr || (pthread_getname_np(pthread_self(), name, sizeof(name)) == 0 &&
                               std::strcmp(name, wanted) == 0);
}

bool must_fail() {
  uint64_t left = until_failure.load(std::memory_order_relaxed);
  if (left == 0 || !counts_here()) return false;
  while (left > 0 &&
         !until_failure.compare_exchange_weak(left, left - 1, std::memory_order_relaxed)) {
  }
  if (left != 1) return false;
  has_failed.store(true, std::memory_order_relaxed);
  return true;
}

void* keep(void* memory) {
  if (memory != nullptr) live.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void* take(size_t size) { return must_fail() ? nullptr : keep(std::malloc(size == 0 ? 1 : size)); }

void* take_aligned(size_t size, std::align_val_t alignment) {
  const auto to = static_cast<size_t>(alignment);
  return must_fail() ? nullptr : keep(std::aligned_alloc(to, (size + to - 1) / to * to));
}

void* or_throw(void* memory) {
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void give(void* memory) {
  if (memory != nullptr) live.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

void* take_cleared(size_t count, size_t size) {
  return must_fail() ? nullptr : keep(std::calloc(count, size));
}

// libuv ends the process when its table of watched descriptors cannot grow, which nobody can mend
// from outside; so growing never fails here.
void* resize(void* memory, size_t size) {
  if (memory == nullptr) return keep(std::malloc(size));
  return std::realloc(memory, size);
}

}  // namespace

void* operator new(size_t size) { return or_throw(take(size)); }
void* operator new[](size_t size) { return or_throw(take(size)); }
void* operator new(size_t size, std::align_val_t to) { return or_throw(take_aligned(size, to)); }
void* operator new[](size_t size, std::align_val_t to) { return or_throw(take_aligned(size, to)); }
void* operator new(size_t size, const std::nothrow_t&) noexcept { return take(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept { return take(size); }
void operator delete(void* memory) noexcept { give(memory); }
void operator delete[](void* memory) noexcept { give(memory); }
void operator delete(void* memory, size_t) noexcept { give(memory); }
void operator delete[](void* memory, size_t) noexcept { give(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { give(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { give(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { give(memory); }
void operator delete[](void* memory, size_t, std::align_val_t) noexcept { give(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { give(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { give(memory); }

extern "C" {

void allocator_install(void) { uv_replace_allocator(take, resize, take_cleared, give); }

void allocator_fail(uint64_t k) {
  has_failed.store(false, std::memory_order_relaxed);
  until_failure.store(k, std::memory_order_relaxed);
}

void allocator_only_in(const char* thread_name) {
  only_in.store(thread_name, std::memory_order_release);
}

int allocator_failed(void) { return has_failed.load(std::memory_order_relaxed) ? 1 : 0; }

int64_t allocator_live(void) { return live.load(std::memory_order_relaxed); }

}  // extern "C"
