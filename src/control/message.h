// Control messages as plain structs, and their bytes (wire/control.fbs, wire/frame.h). What comes
// in is a stranger's until proven otherwise: each frame is bounded, summed, verified and checked
// for what its kind must hold. Tests: tests/unit/control/message_test.cc,
// tests/fuzz/control_fuzz.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "control/hmac_sha256.h"
#include "hexagent/transport.h"

namespace hexagent::control {

// What the two ends must agree in; see control.fbs.
inline constexpr uint32_t kProtocol = 1;

// Longest message in a frame; a relayed one of HEXAGENT_CONTROL_MAX fits with room to spare.
inline constexpr uint32_t kMessageMax = 4096;  // bytes
inline constexpr uint32_t kTextMax = 200;      // bytes

// As wire::ControlKind.
enum class Kind : uint8_t {
  kNone,
  kChallenge,
  kHello,
  kWelcome,
  kRefused,
  kPing,
  kReserve,
  kReserved,
  kSend,
  kUrgency,
  kCancel,
  kProgress,
  kEnded,
  kQuiesced,
  kLink,
  kRelay,
  kPeerLost
};
inline constexpr Kind kLastKind = Kind::kPeerLost;

using Nonce = std::array<uint8_t, 32>;

// Fields that a kind does not use are zero; see control.fbs. `text` and `payload` point to memory
// of whoever made the message: of the frame, for one that was read.
struct Message {
  Kind kind = Kind::kNone;
  uint8_t side = 0;
  uint32_t protocol = 0;
  uint32_t worker = 0;
  uint32_t peer = 0;
  uint32_t tokens = 0;
  uint32_t cached_tokens = 0;
  uint32_t priority = 0;
  uint32_t layers = 0;
  int32_t status = 0;
  uint64_t incarnation = 0;
  uint64_t peer_incarnation = 0;
  uint64_t session = 0;
  uint64_t transfer = 0;
  uint64_t workflow = 0;
  uint64_t call = 0;
  uint64_t token = 0;
  uint64_t bytes = 0;
  uint64_t queued_bytes = 0;
  uint64_t transfers = 0;
  uint64_t failures = 0;
  int64_t deadline_ns = 0;
  int64_t duration_ns = 0;
  int64_t setup_ns = 0;
  int64_t queue_ns = 0;
  double risk = 0.0;
  double bytes_per_s = 0.0;
  Nonce nonce = {};
  Digest mac = {};
  std::string_view text;
  const uint8_t* payload = nullptr;
  uint32_t payload_size = 0;
};

// Appends a frame with this message; `sequence` counts the frames of one direction from 1. False:
// it is too long, and nothing was appended. May throw std::bad_alloc.
bool append_message(const Message& message, uint64_t sequence, std::vector<uint8_t>* bytes);

enum class Read { kMore, kMessage, kDamaged };

// Reads the frame at the start of these bytes, which are aligned to 16. kMore: its end has not come
// yet. kMessage: *size is that of the frame, and the message points into the bytes. kDamaged: no
// sane peer sends this; nothing after it can be trusted either.
Read read_message(const uint8_t* bytes, uint64_t available, uint64_t sequence, Message* message,
                  uint64_t* size);

}  // namespace hexagent::control
