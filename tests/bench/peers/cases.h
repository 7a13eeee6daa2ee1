// What the contenders of this folder that are written in C++ share: the cases, memory of the same
// kind everywhere, blocks in an order that no prefetcher guesses, and how a case is timed and told.
// `cases.py` is the same for those in Python.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace hexagent::peers {

// Megabytes of a transfer, and the bytes of its blocks; contiguous: one piece.
struct Case {
  size_t bytes;
  size_t block;
  bool contiguous() const { return block == bytes; }
};

inline constexpr size_t kPoolBytes = size_t{256} << 20;

// The nine cases, in the order in which every contender reports them. For our own rows alone
// PEERS_BLOCKS_KIB="4 8" names other blocks, and PEERS_PAGES=small takes away huge pages.
const std::vector<Case>& all_cases();

// kPoolBytes, touched, on huge pages where PEERS_PAGES and the system allow it. Never freed.
unsigned char* make_pool();
void fill(unsigned char* pool, uint64_t seed);

// As many places of the pool as the case has blocks, shuffled unless it is contiguous.
std::vector<int32_t> places(const Case& of, uint64_t seed);
// Of the blocks in that order; tells blocks that were swapped.
uint64_t sum_of(const unsigned char* pool, const Case& of, const std::vector<int32_t>& at);

int64_t now_ns();

// Runs `once`, which returns nanoseconds, for about a quarter of a second and prints the median as
// one line of JSON. What it copied first has been checked by the caller.
void report(const Case& of, const std::function<int64_t()>& once);

// Ends the program with a sentence.
[[noreturn]] void fail(const char* what);

}  // namespace hexagent::peers
