// ForkMark: tells the process that made it from children forked later, without a system call.
//
// Every function of the ABI asks, so it must cost next to nothing: where system calls are slow,
// getpid() took 640 ns, seven times as long as queueing an input. The mark is a page that the
// kernel hands to a forked child as zeros (MADV_WIPEONFORK, Linux 4.14); where it does not, process
// ids are compared. Tests: tests/abi/open_test.c.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace hexagent {

class ForkMark {
 public:
  // May throw std::bad_alloc.
  ForkMark();
  ~ForkMark();
  ForkMark(const ForkMark&) = delete;
  ForkMark& operator=(const ForkMark&) = delete;

  // [any thread] True in the process that made it. The page is written once, before the mark is
  // given to anybody.
  bool is_here() const noexcept { return wiped_on_fork_ ? *page_ != 0 : is_same_process(); }

 private:
  bool is_same_process() const noexcept;

  const volatile uint64_t* page_;
  bool wiped_on_fork_;
  pid_t process_;
};

}  // namespace hexagent
