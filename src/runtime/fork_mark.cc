// ForkMark: see fork_mark.h.
#include "runtime/fork_mark.h"

#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace hexagent {
namespace {

size_t page_bytes() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

}  // namespace

ForkMark::ForkMark() : process_(getpid()) {
  void* page =
      mmap(nullptr, page_bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  wiped_on_fork_ = madvise(page, page_bytes(), MADV_WIPEONFORK) == 0;
  *static_cast<uint64_t*>(page) = 1;
  page_ = static_cast<const uint64_t*>(page);
}

ForkMark::~ForkMark() { munmap(const_cast<uint64_t*>(page_), page_bytes()); }

bool ForkMark::is_same_process() const noexcept { return process_ == getpid(); }

}  // namespace hexagent
