// LostPeers: peers that a mover has lost and the engine has not asked for yet.
#pragma once

#include <algorithm>
#include <vector>

#include "transport/engine/mover.h"

namespace hexagent::transport {

class LostPeers {
 public:
  // Each peer is in the list once, so noting one does not allocate.
  explicit LostPeers(uint32_t peers_max) { peers_.reserve(peers_max); }

  void note(uint32_t peer) {
    if (std::find(peers_.begin(), peers_.end(), peer) == peers_.end()) peers_.push_back(peer);
  }
  void forget(uint32_t peer) { std::erase(peers_, peer); }
  bool empty() const { return peers_.empty(); }

  // As Mover::take_lost().
  uint32_t take() {
    if (peers_.empty()) return kNoPeer;
    const uint32_t peer = peers_.back();
    peers_.pop_back();
    return peer;
  }

 private:
  std::vector<uint32_t> peers_;
};

}  // namespace hexagent::transport
