// Control messages: there and back, and what must not be believed.
#include "control/message.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "wire/frame.h"

extern "C" {
#include <cmocka.h>
}

namespace {

using namespace hexagent::control;  // NOLINT: a test of one file

// One of each kind that may be sent, every field that it has.
Message example(Kind kind) {
  Message message;
  message.kind = kind;
  message.side = HEXAGENT_TRANSFER_TARGET;
  message.protocol = 1;
  message.worker = 7;
  message.peer = 8;
  message.tokens = 4096;
  message.cached_tokens = 128;
  message.priority = 3;
  message.layers = 80;
  message.status = HEXAGENT_E_PEER;
  message.incarnation = 11;
  message.peer_incarnation = 12;
  message.session = 13;
  message.transfer = 14;
  message.workflow = 15;
  message.call = 16;
  message.token = 17;
  message.bytes = 18;
  message.queued_bytes = 19;
  message.transfers = 20;
  message.failures = 21;
  message.deadline_ns = -22;
  message.duration_ns = 23;
  message.setup_ns = 24;
  message.queue_ns = 25;
  message.risk = 0.5;
  message.bytes_per_s = 26e9;
  message.nonce.fill(0x5a);
  message.mac.fill(0xa5);
  message.text = "host-memory";
  static const uint8_t payload[] = {1, 2, 3, 4, 5};
  message.payload = payload;
  message.payload_size = sizeof(payload);
  return message;
}

std::vector<uint8_t> bytes_of(const Message& message, uint64_t sequence = 1) {
  std::vector<uint8_t> bytes;
  if (!append_message(message, sequence, &bytes)) bytes.clear();
  return bytes;
}

Read read_all(const std::vector<uint8_t>& bytes, Message* message, uint64_t sequence = 1) {
  uint64_t size = 0;
  const Read read = read_message(bytes.data(), bytes.size(), sequence, message, &size);
  if (read == Read::kMessage && size != bytes.size()) return Read::kDamaged;
  return read;
}

bool same(const Message& a, const Message& b) {
  return a.kind == b.kind && a.side == b.side && a.protocol == b.protocol && a.worker == b.worker &&
         a.peer == b.peer && a.tokens == b.tokens && a.cached_tokens == b.cached_tokens &&
         a.priority == b.priority && a.layers == b.layers && a.status == b.status &&
         a.incarnation == b.incarnation && a.peer_incarnation == b.peer_incarnation &&
         a.session == b.session && a.transfer == b.transfer && a.workflow == b.workflow &&
         a.call == b.call && a.token == b.token && a.bytes == b.bytes &&
         a.queued_bytes == b.queued_bytes && a.transfers == b.transfers &&
         a.failures == b.failures && a.deadline_ns == b.deadline_ns &&
         a.duration_ns == b.duration_ns && a.setup_ns == b.setup_ns && a.queue_ns == b.queue_ns &&
         a.risk == b.risk && a.bytes_per_s == b.bytes_per_s && a.nonce == b.nonce &&
         a.mac == b.mac && a.text == b.text && a.payload_size == b.payload_size &&
         std::memcmp(a.payload, b.payload, a.payload_size) == 0;
}

void every_kind_comes_back_as_it_went(void**) {
  for (uint8_t kind = 1; kind <= static_cast<uint8_t>(kLastKind); ++kind) {
    const Message sent = example(static_cast<Kind>(kind));
    const std::vector<uint8_t> bytes = bytes_of(sent);
    Message read;
    assert_int_equal(read_all(bytes, &read), Read::kMessage);
    assert_true(same(sent, read));
  }
}

void a_frame_is_read_once_it_is_whole(void**) {
  const std::vector<uint8_t> bytes = bytes_of(example(Kind::kRelay));
  Message message;
  uint64_t size = 0;
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    assert_int_equal(read_message(bytes.data(), cut, 1, &message, &size), Read::kMore);
  }
}

void any_changed_byte_is_noticed(void**) {
  const std::vector<uint8_t> whole = bytes_of(example(Kind::kSend));
  for (size_t at = 0; at < whole.size(); ++at) {
    std::vector<uint8_t> bytes = whole;
    bytes[at] ^= 0x10;
    Message message;
    // A changed length may want more bytes that will never fit.
    assert_int_not_equal(read_all(bytes, &message), Read::kMessage);
  }
}

void frames_come_in_their_order(void**) {
  const std::vector<uint8_t> bytes = bytes_of(example(Kind::kPing), 5);
  Message message;
  assert_int_equal(read_all(bytes, &message, 5), Read::kMessage);
  assert_int_equal(read_all(bytes, &message, 4), Read::kDamaged);  // one was lost
  assert_int_equal(read_all(bytes, &message, 6), Read::kDamaged);  // it is sent again
}

void a_frame_of_a_journal_is_none(void**) {
  const uint8_t payload[64] = {};
  hexagent::Frame frame;
  frame.type = hexagent::FrameType::kStep;
  frame.sequence = 1;
  frame.payload = payload;
  frame.length = sizeof(payload);
  std::vector<uint8_t> bytes;
  hexagent::append_frame(frame, &bytes);
  Message message;
  assert_int_equal(read_all(bytes, &message), Read::kDamaged);
}

void a_sound_frame_of_rubbish_is_refused(void**) {
  for (uint32_t length = 0; length < 200; ++length) {
    std::vector<uint8_t> payload(length + 1);
    for (uint32_t i = 0; i < length; ++i) payload[i] = static_cast<uint8_t>(i * 37 + length);
    hexagent::Frame frame;
    frame.type = hexagent::FrameType::kControl;
    frame.sequence = 1;
    frame.payload = payload.data();
    frame.length = length;
    std::vector<uint8_t> bytes;
    hexagent::append_frame(frame, &bytes);
    Message message;
    assert_int_equal(read_all(bytes, &message), Read::kDamaged);
  }
}

void a_giant_is_refused_by_its_header(void**) {
  std::vector<uint8_t> bytes = bytes_of(example(Kind::kPing));
  bytes[10] = 0x7f;  // of the length
  Message message;
  assert_int_equal(read_all(bytes, &message), Read::kDamaged);
}

// Well-formed, and yet no message of ours.
void fields_that_cannot_be_right_are_refused(void**) {
  Message bad[16];
  size_t count = 0;
  const auto add = [&](Kind kind) -> Message& {
    bad[count] = example(kind);
    return bad[count++];
  };
  add(Kind::kNone);
  add(Kind::kHello).worker = 0;
  add(Kind::kHello).incarnation = 0;
  add(Kind::kRefused).status = 0;
  add(Kind::kCancel).status = 4;
  add(Kind::kReserve).transfer = 0;
  add(Kind::kReserved).token = 0;
  add(Kind::kSend).risk = std::numeric_limits<double>::quiet_NaN();
  add(Kind::kUrgency).risk = 1.5;
  add(Kind::kEnded).side = 2;
  add(Kind::kEnded).duration_ns = -1;
  add(Kind::kQuiesced).side = 200;
  add(Kind::kLink).bytes_per_s = std::numeric_limits<double>::infinity();
  add(Kind::kLink).queue_ns = -1;
  add(Kind::kRelay).payload_size = 0;
  add(Kind::kPeerLost).status = 1;
  for (const Message& message : bad) {
    Message read;
    assert_int_equal(read_all(bytes_of(message), &read), Read::kDamaged);
  }
}

void what_is_too_long_is_not_sent(void**) {
  const std::vector<uint8_t> payload(HEXAGENT_CONTROL_MAX + 1);
  Message relay = example(Kind::kRelay);
  relay.payload = payload.data();
  relay.payload_size = HEXAGENT_CONTROL_MAX + 1;
  std::vector<uint8_t> bytes;
  assert_false(append_message(relay, 1, &bytes));
  relay.payload_size = HEXAGENT_CONTROL_MAX;
  assert_true(append_message(relay, 1, &bytes));
  const std::string text(kTextMax + 1, 'x');
  Message refused = example(Kind::kRefused);
  refused.text = text;
  assert_false(append_message(refused, 1, &bytes));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_comes_back_as_it_went),
      cmocka_unit_test(a_frame_is_read_once_it_is_whole),
      cmocka_unit_test(any_changed_byte_is_noticed),
      cmocka_unit_test(frames_come_in_their_order),
      cmocka_unit_test(a_frame_of_a_journal_is_none),
      cmocka_unit_test(a_sound_frame_of_rubbish_is_refused),
      cmocka_unit_test(a_giant_is_refused_by_its_header),
      cmocka_unit_test(fields_that_cannot_be_right_are_refused),
      cmocka_unit_test(what_is_too_long_is_not_sent),
  };
  return cmocka_run_group_tests_name("control messages", tests, nullptr, nullptr);
}
