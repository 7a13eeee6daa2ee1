// Systems that forbid reading processes.
#pragma once

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "transport/host/peer_memory.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace hexagent::transport {

// Skips the test where processes cannot be read at all, as under qemu.
inline void need_reading() {
  const char byte = 0;
  const auto address = static_cast<uint64_t>(reinterpret_cast<uintptr_t>(&byte));
  if (!kernel_reads(address, address)) skip();
}

// As containers did by seccomp; for the rest of the life of the process.
inline void forbid_reading() {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(77);
  }
}

}  // namespace hexagent::transport
