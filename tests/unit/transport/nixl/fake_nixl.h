// A scripted NIXL, a shared object that the adapter's own loader opens. This is what tests and it
// share: found by the symbol `fake_nixl_script`.
#pragma once

#include <cstdint>

struct FakeNixlScript {
  int32_t polls;          // how often a write stays "in progress" before it is done
  int32_t complete_most;  // writes that may still complete; < 0 = all
  bool fail_writes;       // what is polled from now on has failed
  bool refuse_posts;      // posting fails at once
  bool refuse_metadata;   // a peer's metadata is not taken
  bool refuse_backend;
  int32_t metadata_bytes;  // of an agent
  // What has happened.
  int32_t agents;    // alive
  int32_t requests;  // alive
  int32_t lists;     // alive, of any kind
  int32_t posted;
  int32_t mistakes;  // memory that was not registered, handles of nobody
};

extern "C" FakeNixlScript* fake_nixl_script();
