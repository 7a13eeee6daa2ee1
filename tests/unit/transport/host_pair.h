// Two hosts in one process, workers 1 and 2, and a transfer between them.
#pragma once

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "unit/transport/copy/slow_kv.h"
#include "unit/transport/local_host.h"
#include "unit/transport/sim_world.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace hexagent::transport {

struct HostPair {
  LocalHost source;
  LocalHost target;

  void open(const hexagent_transport_ops* ops, const char* options, uint32_t slot_bytes,
            uint32_t chunk_bytes) {
    for (LocalHost* host : {&source, &target}) {
      hexagent_transport_config config = LocalHost::config(host == &source ? 1 : 2);
      config.options = options;
      config.slot_bytes = slot_bytes;
      config.chunk_bytes_min = chunk_bytes;
      assert_int_equal(host->open(ops, config), HEXAGENT_OK);
    }
  }
  static uint64_t enter(const LocalHost& host, const TestPool& memory) {
    const hexagent_kv_pool shape = memory.description();
    uint64_t pool = 0;
    assert_int_equal(host.ops->register_pool(host.transport, &shape, &pool), HEXAGENT_OK);
    return pool;
  }
  // Both handles; the transfer has not moved yet.
  std::pair<uint64_t, uint64_t> begin(const hexagent_kv_blocks& give,
                                      const hexagent_kv_blocks& take,
                                      uint32_t flags = HEXAGENT_TRANSFER_CHECKSUM) const {
    hexagent_kv_reservation reservation = {};
    reservation.struct_size = sizeof(reservation);
    reservation.peer_worker = 1;
    reservation.target = take;
    hexagent_kv_transfer transfer = {};
    transfer.struct_size = sizeof(transfer);
    transfer.flags = flags;
    transfer.peer_worker = 2;
    transfer.source = give;
    uint64_t id = 0;
    assert_int_equal(target.ops->reserve(target.transport, &reservation, &transfer.token),
                     HEXAGENT_OK);
    assert_int_equal(source.ops->submit(source.transport, &transfer, &id), HEXAGENT_OK);
    return {id, transfer.token};
  }
};

}  // namespace hexagent::transport
