// The control messages between the transports of two peers. Fixed records in little endian order,
// carried by the host's control path; every one says who speaks in which life and connection, so
// that what is late is known as such. Tests: tests/unit/transport/engine/message_test.cc.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "hexagent/transport.h"
#include "transport/copy/kv_layout.h"
#include "transport/engine/mover.h"

namespace hexagent::transport {

static_assert(std::endian::native == std::endian::little, "messages are sent as they lie");

inline constexpr uint32_t kMessageMagic = 0x4b584548;  // "HEXK"
inline constexpr uint16_t kProtocolVersion = 1;

enum class MessageKind : uint16_t {
  kHello = 1,  // both: here I am, and here is staging for you
  kBye = 2,    // both: the connection ends
  kOpen = 3,   // source: a transfer begins
  kClose = 4,  // both: a transfer has ended before its time
  kReady = 5,  // source: a chunk is in your slot
  kAck = 6,    // target: it is in its blocks (or not), and you may have the slot again
  kGrant = 7,  // target: you may have this slot again
  kNote = 8    // both: from mover to mover
};

struct MessageHeader {
  uint32_t magic;
  uint16_t version;
  MessageKind kind;
  uint64_t incarnation;   // of the sender
  uint32_t session;       // of the sender's: counts its connections to this peer
  uint32_t peer_session;  // of the receiver's, as the sender knows it; 0 = does not
};

struct HelloMessage {
  MessageHeader header;
  uint32_t worker;  // the sender
  uint32_t slots;
  uint32_t slot_bytes;
  uint32_t address_size;
  uint32_t generations[16];  // the credits for its slots
  unsigned char address[kAddressMax];
};

struct ByeMessage {
  MessageHeader header;
  int32_t status;
  uint32_t reserved;
};

struct OpenMessage {
  MessageHeader header;
  uint64_t token;
  uint64_t transfer;
  WireShape wire;
  uint64_t seed;
  uint32_t fragments_per_chunk;
  uint32_t flags;  // HEXAGENT_TRANSFER_CHECKSUM
};

struct CloseMessage {
  MessageHeader header;
  uint64_t token;
  uint64_t transfer;
  int32_t status;
  uint32_t side;  // of the sender, HEXAGENT_TRANSFER_SOURCE or _TARGET
};

struct ReadyMessage {
  MessageHeader header;
  uint64_t token;
  uint64_t transfer;
  uint64_t sum;
  uint32_t chunk;
  uint32_t slot;
  uint32_t slot_generation;
  uint32_t reserved;
};

struct AckMessage {
  MessageHeader header;
  uint64_t token;
  uint64_t transfer;
  int32_t status;
  uint32_t chunk;
  uint32_t slot;
  uint32_t slot_generation;  // the new credit; 0 = none yet, a GRANT will come
};

struct GrantMessage {
  MessageHeader header;
  uint32_t slot;
  uint32_t slot_generation;
};

struct NoteMessage {
  MessageHeader header;
  uint32_t size;
  uint32_t reserved;
  unsigned char bytes[kNoteMax];
};

// Room for any message.
union AnyMessage {
  MessageHeader header;
  HelloMessage hello;
  ByeMessage bye;
  OpenMessage open;
  CloseMessage close;
  ReadyMessage ready;
  AckMessage ack;
  GrantMessage grant;
  NoteMessage note;
};
static_assert(sizeof(AnyMessage) <= HEXAGENT_CONTROL_MAX);

// Size of a message of this kind; 0 = no such kind.
size_t message_size(MessageKind kind);

enum class MessageCheck { kGood, kDamaged, kOtherVersion };

// Copies a message that came from outside after checking its frame and its constant fields.
MessageCheck read_message(const void* bytes, size_t size, AnyMessage* message);

}  // namespace hexagent::transport
