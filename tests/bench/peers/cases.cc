// What contenders share: see cases.h.
#include "cases.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <sstream>
#include <utility>

namespace hexagent::peers {
namespace {

// Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014), SplitMix64.
uint64_t next_random(uint64_t* state) {
  *state += 0x9e3779b97f4a7c15u;
  uint64_t z = *state;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

}  // namespace

const std::vector<Case>& all_cases() {
  static const std::vector<Case> cases = [] {
    const char* named = std::getenv("PEERS_BLOCKS_KIB");
    std::istringstream blocks_kib(named != nullptr ? named : "16 64");
    std::vector<size_t> blocks;
    for (size_t kib = 0; blocks_kib >> kib;) blocks.push_back(kib << 10);
    std::vector<Case> made;
    for (const size_t megabytes : {size_t{1}, size_t{16}, size_t{128}}) {
      const size_t bytes = megabytes << 20;
      for (const size_t block : blocks) made.push_back({bytes, block});
      made.push_back({bytes, bytes});
    }
    return made;
  }();
  return cases;
}

unsigned char* make_pool() {
  void* memory =
      mmap(nullptr, kPoolBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) fail("no memory");
  const char* pages = std::getenv("PEERS_PAGES");
  const bool small = pages != nullptr && std::strcmp(pages, "small") == 0;
  madvise(memory, kPoolBytes, small ? MADV_NOHUGEPAGE : MADV_HUGEPAGE);
  std::memset(memory, 1, kPoolBytes);
  return static_cast<unsigned char*>(memory);
}

void fill(unsigned char* pool, uint64_t seed) {
  for (size_t at = 0; at < kPoolBytes; at += sizeof(uint64_t)) {
    const uint64_t word = next_random(&seed);
    std::memcpy(pool + at, &word, sizeof(word));
  }
}

std::vector<int32_t> places(const Case& of, uint64_t seed) {
  std::vector<int32_t> all(kPoolBytes / of.block);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
  if (!of.contiguous()) {
    for (size_t i = all.size() - 1; i > 0; --i) {
      std::swap(all[i], all[next_random(&seed) % (i + 1)]);
    }
  }
  all.resize(of.bytes / of.block);
  return all;
}

uint64_t sum_of(const unsigned char* pool, const Case& of, const std::vector<int32_t>& at) {
  uint64_t sum = 0;
  for (const int32_t place : at) {
    const unsigned char* block = pool + static_cast<size_t>(place) * of.block;
    for (size_t i = 0; i < of.block; i += sizeof(uint64_t)) {
      uint64_t word = 0;
      std::memcpy(&word, block + i, sizeof(word));
      sum = sum * 0x9e3779b97f4a7c15u + word;
    }
  }
  return sum;
}

int64_t now_ns() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

void report(const Case& of, const std::function<int64_t()>& once) {
  constexpr int64_t kLongEnoughNs = 250'000'000;
  constexpr size_t kLeast = 5;
  constexpr size_t kMost = 500;
  std::vector<int64_t> times;
  const int64_t begin_ns = now_ns();
  while (times.size() < kLeast || (times.size() < kMost && now_ns() - begin_ns < kLongEnoughNs)) {
    times.push_back(once());
  }
  std::sort(times.begin(), times.end());
  std::printf("{\"bytes\": %zu, \"block\": %zu, \"ns\": %lld, \"runs\": %zu}\n", of.bytes, of.block,
              static_cast<long long>(times[times.size() / 2]), times.size());
  std::fflush(stdout);
}

void fail(const char* what) {
  std::fprintf(stderr, "%s\n", what);
  std::exit(1);
}

}  // namespace hexagent::peers
