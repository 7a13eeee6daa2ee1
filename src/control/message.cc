// Control messages as bytes: see message.h.
#include "control/message.h"

#include <flatbuffers/flatbuffers.h>

#include <cmath>
#include <cstring>

#include "control_generated.h"
#include "wire/frame.h"

namespace hexagent::control {
namespace {

static_assert(static_cast<uint8_t>(kLastKind) == static_cast<uint8_t>(wire::ControlKind::MAX));

using Bytes = flatbuffers::Offset<flatbuffers::Vector<uint8_t>>;

// No list: absent. (A nonce or code of zeros is what a message without one has.)
template <size_t Size>
Bytes write_bytes(flatbuffers::FlatBufferBuilder* builder, const std::array<uint8_t, Size>& bytes) {
  if (bytes == std::array<uint8_t, Size>{}) return 0;
  return builder->CreateVector(bytes.data(), bytes.size());
}

template <size_t Size>
bool read_bytes(const flatbuffers::Vector<uint8_t>* from, std::array<uint8_t, Size>* to) {
  *to = {};
  if (from == nullptr) return true;
  if (from->size() != Size) return false;
  std::memcpy(to->data(), from->data(), Size);
  return true;
}

bool is_side(uint8_t side) { return side <= HEXAGENT_TRANSFER_TARGET; }

bool is_urgency(const Message& message) {
  return message.risk >= 0.0 && message.risk <= 1.0;  // false for NaN
}

// A speed that a link may have told.
bool is_rate(double rate) { return std::isfinite(rate) && rate >= 0.0; }

// Numbers that are an index, a rate or a time for whoever reads them.
bool is_sane(const Message& message) {
  switch (message.kind) {
    case Kind::kHello:
      return message.worker != 0 && message.incarnation != 0;
    case Kind::kRefused:
    case Kind::kCancel:
    case Kind::kPeerLost:
      return message.status < 0;
    case Kind::kReserve:
      return message.transfer != 0 && message.peer != 0 && message.duration_ns >= 0;
    case Kind::kReserved:
      return message.transfer != 0 && message.token != 0;
    case Kind::kSend:
      return message.transfer != 0 && message.peer != 0 && message.token != 0 &&
             message.duration_ns >= 0 && is_urgency(message);
    case Kind::kUrgency:
      return message.transfer != 0 && is_urgency(message);
    case Kind::kProgress:
      return message.transfer != 0;
    case Kind::kEnded:
      return message.transfer != 0 && is_side(message.side) && message.status <= 0 &&
             message.duration_ns >= 0;
    case Kind::kQuiesced:
      return message.transfer != 0 && is_side(message.side);
    case Kind::kLink:
      return message.peer != 0 && is_rate(message.bytes_per_s) && message.setup_ns >= 0 &&
             message.queue_ns >= 0;
    case Kind::kRelay:
      return message.peer != 0 && message.payload_size > 0 &&
             message.payload_size <= HEXAGENT_CONTROL_MAX;
    case Kind::kNone:
      return false;
    case Kind::kChallenge:
    case Kind::kWelcome:
    case Kind::kPing:
      return true;
  }
  return false;
}

bool decode(const wire::ControlRecord& record, Message* message) {
  *message = Message{};
  if (record.kind() > wire::ControlKind::MAX) return false;
  message->kind = static_cast<Kind>(record.kind());
  message->side = record.side();
  message->protocol = record.protocol();
  message->worker = record.worker();
  message->peer = record.peer();
  message->tokens = record.tokens();
  message->cached_tokens = record.cached_tokens();
  message->priority = record.priority();
  message->layers = record.layers();
  message->status = record.status();
  message->incarnation = record.incarnation();
  message->peer_incarnation = record.peer_incarnation();
  message->session = record.session();
  message->transfer = record.transfer();
  message->workflow = record.workflow();
  message->call = record.call();
  message->token = record.token();
  message->bytes = record.bytes();
  message->queued_bytes = record.queued_bytes();
  message->transfers = record.transfers();
  message->failures = record.failures();
  message->deadline_ns = record.deadline_ns();
  message->duration_ns = record.duration_ns();
  message->setup_ns = record.setup_ns();
  message->queue_ns = record.queue_ns();
  message->risk = record.risk();
  message->bytes_per_s = record.bytes_per_s();
  if (record.text() != nullptr) {
    message->text = record.text()->string_view();
    if (message->text.size() > kTextMax) return false;
  }
  if (record.payload() != nullptr) {
    message->payload = record.payload()->data();
    message->payload_size = record.payload()->size();
  }
  return read_bytes(record.nonce(), &message->nonce) && read_bytes(record.mac(), &message->mac) &&
         is_sane(*message);
}

void encode(const Message& message, flatbuffers::FlatBufferBuilder* builder) {
  const Bytes nonce = write_bytes(builder, message.nonce);
  const Bytes mac = write_bytes(builder, message.mac);
  const Bytes payload = message.payload_size == 0
                            ? Bytes(0)
                            : builder->CreateVector(message.payload, message.payload_size);
  flatbuffers::Offset<flatbuffers::String> text = 0;
  if (!message.text.empty()) text = builder->CreateString(message.text);
  wire::ControlRecordBuilder record(*builder);
  record.add_incarnation(message.incarnation);
  record.add_peer_incarnation(message.peer_incarnation);
  record.add_session(message.session);
  record.add_transfer(message.transfer);
  record.add_workflow(message.workflow);
  record.add_call(message.call);
  record.add_token(message.token);
  record.add_bytes(message.bytes);
  record.add_queued_bytes(message.queued_bytes);
  record.add_transfers(message.transfers);
  record.add_failures(message.failures);
  record.add_deadline_ns(message.deadline_ns);
  record.add_duration_ns(message.duration_ns);
  record.add_setup_ns(message.setup_ns);
  record.add_queue_ns(message.queue_ns);
  record.add_risk(message.risk);
  record.add_bytes_per_s(message.bytes_per_s);
  record.add_protocol(message.protocol);
  record.add_worker(message.worker);
  record.add_peer(message.peer);
  record.add_tokens(message.tokens);
  record.add_cached_tokens(message.cached_tokens);
  record.add_priority(message.priority);
  record.add_layers(message.layers);
  record.add_status(message.status);
  if (!nonce.IsNull()) record.add_nonce(nonce);
  if (!mac.IsNull()) record.add_mac(mac);
  if (!text.IsNull()) record.add_text(text);
  if (!payload.IsNull()) record.add_payload(payload);
  record.add_side(message.side);
  record.add_kind(static_cast<wire::ControlKind>(message.kind));
  builder->FinishSizePrefixed(record.Finish(), wire::ControlRecordIdentifier());
}

// Of the frame whose header lies here.
uint32_t payload_length(const uint8_t* header) {
  return uint32_t{header[8]} | uint32_t{header[9]} << 8 | uint32_t{header[10]} << 16 |
         uint32_t{header[11]} << 24;
}

}  // namespace

bool append_message(const Message& message, uint64_t sequence, std::vector<uint8_t>* bytes) {
  if (message.text.size() > kTextMax || message.payload_size > HEXAGENT_CONTROL_MAX) return false;
  flatbuffers::FlatBufferBuilder builder(512);
  encode(message, &builder);
  if (builder.GetSize() > kMessageMax) return false;
  Frame frame;
  frame.type = FrameType::kControl;
  frame.sequence = sequence;
  frame.payload = builder.GetBufferPointer();
  frame.length = builder.GetSize();
  append_frame(frame, bytes);
  return true;
}

Read read_message(const uint8_t* bytes, uint64_t available, uint64_t sequence, Message* message,
                  uint64_t* size) {
  if (available < kFrameHeaderSize) return Read::kMore;
  const uint32_t length = payload_length(bytes);
  if (length > kMessageMax) return Read::kDamaged;  // before anything is kept for it
  if (available < frame_size(length)) return Read::kMore;
  Frame frame;
  if (!read_frame(bytes, available, &frame) || frame.type != FrameType::kControl ||
      frame.sequence != sequence || frame.synced != 0) {
    return Read::kDamaged;
  }
  flatbuffers::Verifier verifier(frame.payload, frame.length);
  if (!wire::VerifySizePrefixedControlRecordBuffer(verifier)) return Read::kDamaged;
  if (!decode(*wire::GetSizePrefixedControlRecord(frame.payload), message)) return Read::kDamaged;
  *size = frame.size;
  return Read::kMessage;
}

}  // namespace hexagent::control
