// A scripted NCCL, a shared object that the plugin's own loader opens. This is what tests and it
// share: found by the symbol `fake_nccl_script`.
#pragma once

#include <atomic>
#include <cstdint>

struct FakeNcclScript {
  // How often a call stays "in progress" before it is done.
  std::atomic<int32_t> connect_polls;
  std::atomic<int32_t> enqueue_polls;
  std::atomic<int32_t> version;
  std::atomic<bool> refuse_connect;    // init fails at once
  std::atomic<bool> never_connect;     // "in progress" for ever
  std::atomic<bool> fail_async;        // ncclRemoteError from now on
  std::atomic<int32_t> complete_most;  // operations that may still complete; < 0 = all
  std::atomic<int32_t> flip_one;  // the next received operation of more than 16 bytes is damaged
  std::atomic<int32_t> abort_ms;  // what an abort takes
  // What has happened.
  std::atomic<int32_t> connected;
  std::atomic<int32_t> alive;  // communicators
  std::atomic<int32_t> revoked;
  std::atomic<int32_t> aborted;
  std::atomic<int32_t> sends;
  std::atomic<int32_t> receives;
  std::atomic<int32_t> unsettled_calls;  // a call while another was in progress: a mistake
  // Puts an operation into a stream: it is tried until it answers true.
  void (*enqueue)(void* stream, bool (*attempt)(void* context), void* context);
};

extern "C" FakeNcclScript* fake_nccl_script();
