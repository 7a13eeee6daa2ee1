// Frames: round trip, alignment, and that no cut or changed byte goes unnoticed.
#include "wire/frame.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::Frame;
using hexagent::FrameType;

std::vector<uint8_t> frame_of(uint32_t length) {
  std::vector<uint8_t> payload(length + 1);
  for (uint32_t i = 0; i < length; ++i) payload[i] = static_cast<uint8_t>(i * 7 + 1);
  Frame frame;
  frame.type = FrameType::kStepPart;
  frame.sequence = 0x0102030405060708u;
  frame.synced = 0x1112131415161718u;
  frame.payload = payload.data();
  frame.length = length;
  std::vector<uint8_t> bytes;
  hexagent::append_frame(frame, &bytes);
  return bytes;
}

bool comes_back(uint32_t length) {
  const std::vector<uint8_t> bytes = frame_of(length);
  Frame frame;
  if (!hexagent::read_frame(bytes.data(), bytes.size(), &frame)) return false;
  if (frame.size != bytes.size() || frame.size % 16 != 0 || frame.length != length) return false;
  for (uint32_t i = 0; i < length; ++i) {
    if (frame.payload[i] != static_cast<uint8_t>(i * 7 + 1)) return false;
  }
  return frame.type == FrameType::kStepPart && frame.sequence == 0x0102030405060708u &&
         frame.synced == 0x1112131415161718u;
}

// How many of the prefixes, or of the frames with one bit turned, are taken for whole?
uint32_t cuts_taken(const std::vector<uint8_t>& bytes) {
  uint32_t taken = 0;
  Frame frame;
  for (size_t size = 0; size < bytes.size(); ++size) {
    taken += hexagent::read_frame(bytes.data(), size, &frame) ? 1 : 0;
  }
  return taken;
}

uint32_t flips_taken(std::vector<uint8_t> bytes) {
  uint32_t taken = 0;
  Frame frame;
  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<uint8_t>(1u << (bit % 8));
    bytes[bit / 8] ^= mask;
    taken += hexagent::read_frame(bytes.data(), bytes.size(), &frame) ? 1 : 0;
    bytes[bit / 8] ^= mask;
  }
  return taken;
}

void a_frame_comes_back_as_it_was_at_every_length(void**) {
  for (uint32_t length = 0; length < 70; ++length) assert_true(comes_back(length));
}

void no_cut_frame_is_taken(void**) { assert_int_equal(cuts_taken(frame_of(41)), 0); }

void no_turned_bit_goes_unnoticed(void**) { assert_int_equal(flips_taken(frame_of(41)), 0); }

void a_length_beyond_the_bound_is_refused_unread(void**) {
  uint8_t header[32] = {'H', 'X', 'J', 'F', 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 1};
  Frame frame;
  assert_false(hexagent::read_frame(header, UINT64_MAX, &frame));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_frame_comes_back_as_it_was_at_every_length),
      cmocka_unit_test(no_cut_frame_is_taken),
      cmocka_unit_test(no_turned_bit_goes_unnoticed),
      cmocka_unit_test(a_length_beyond_the_bound_is_refused_unread),
  };
  return cmocka_run_group_tests_name("frames", tests, nullptr, nullptr);
}
