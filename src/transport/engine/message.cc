// Control messages: see message.h.
#include "transport/engine/message.h"

#include <cstring>

#include "transport/engine/staging.h"

namespace hexagent::transport {
namespace {

bool known_side(uint32_t side) {
  return side == HEXAGENT_TRANSFER_SOURCE || side == HEXAGENT_TRANSFER_TARGET;
}

// The fields that can be judged without any state.
bool sensible(const AnyMessage& message) {
  if (message.header.incarnation == 0 || message.header.session == 0) return false;
  switch (message.header.kind) {
    case MessageKind::kHello:
      return message.hello.worker != 0 && message.hello.slots > 0 &&
             message.hello.slots <= kSlotsMax && message.hello.slot_bytes > 0 &&
             message.hello.slot_bytes <= kSlotBytesMax && message.hello.address_size <= kAddressMax;
    case MessageKind::kBye:
      return message.bye.status < 0 && message.bye.reserved == 0;
    case MessageKind::kOpen:
      return message.open.wire.layout <= HEXAGENT_KV_FLAT && message.open.wire.block_count > 0 &&
             message.open.fragments_per_chunk > 0 &&
             (message.open.flags & ~uint32_t{HEXAGENT_TRANSFER_CHECKSUM}) == 0;
    case MessageKind::kClose:
      return message.close.status < 0 && known_side(message.close.side);
    case MessageKind::kReady:
      return message.ready.reserved == 0;
    case MessageKind::kAck:
      return message.ack.status <= 0;
    case MessageKind::kGrant:
      return message.grant.slot_generation != 0;
    case MessageKind::kNote:
      return message.note.size <= kNoteMax && message.note.reserved == 0;
  }
  return false;
}

}  // namespace

size_t message_size(MessageKind kind) {
  switch (kind) {
    case MessageKind::kHello:
      return sizeof(HelloMessage);
    case MessageKind::kBye:
      return sizeof(ByeMessage);
    case MessageKind::kOpen:
      return sizeof(OpenMessage);
    case MessageKind::kClose:
      return sizeof(CloseMessage);
    case MessageKind::kReady:
      return sizeof(ReadyMessage);
    case MessageKind::kAck:
      return sizeof(AckMessage);
    case MessageKind::kGrant:
      return sizeof(GrantMessage);
    case MessageKind::kNote:
      return sizeof(NoteMessage);
  }
  return 0;
}

MessageCheck read_message(const void* bytes, size_t size, AnyMessage* message) {
  if (bytes == nullptr || size < sizeof(MessageHeader)) return MessageCheck::kDamaged;
  MessageHeader header;
  std::memcpy(&header, bytes, sizeof(header));
  if (header.magic != kMessageMagic) return MessageCheck::kDamaged;
  // Only the header is the same in every version.
  if (header.version != kProtocolVersion) return MessageCheck::kOtherVersion;
  if (size != message_size(header.kind)) return MessageCheck::kDamaged;
  std::memset(static_cast<void*>(message), 0, sizeof(*message));
  std::memcpy(static_cast<void*>(message), bytes, size);
  return sensible(*message) ? MessageCheck::kGood : MessageCheck::kDamaged;
}

}  // namespace hexagent::transport
