// Frames: see frame.h.
#include "wire/frame.h"

#include <cstring>

#include "wire/crc32c.h"

namespace hexagent {
namespace {

constexpr uint32_t kMagic = 0x464a5848u;  // "HXJF"
constexpr size_t kChecksumAt = 4;
constexpr size_t kCheckedFrom = 8;

template <class Number>
void store(uint8_t* bytes, Number number) {
  for (size_t i = 0; i < sizeof(number); ++i) bytes[i] = static_cast<uint8_t>(number >> (8 * i));
}

template <class Number>
Number load(const uint8_t* bytes) {
  uint64_t number = 0;
  for (size_t i = 0; i < sizeof(Number); ++i) number |= uint64_t{bytes[i]} << (8 * i);
  return static_cast<Number>(number);
}

}  // namespace

void append_frame(const Frame& frame, std::vector<uint8_t>* bytes) {
  const size_t start = bytes->size();
  const auto size = static_cast<size_t>(frame_size(frame.length));
  bytes->resize(start + size, 0);
  uint8_t* header = bytes->data() + start;
  store(header, kMagic);
  store(header + 8, frame.length);
  store(header + 12, static_cast<uint16_t>(frame.type));
  store(header + 16, frame.sequence);
  store(header + 24, frame.synced);
  std::memcpy(header + kFrameHeaderSize, frame.payload, frame.length);
  store(header + kChecksumAt, crc32c(0, header + kCheckedFrom, size - kCheckedFrom));
}

bool read_frame(const uint8_t* bytes, uint64_t size, Frame* frame) {
  if (size < kFrameHeaderSize || load<uint32_t>(bytes) != kMagic) return false;
  frame->length = load<uint32_t>(bytes + 8);
  if (frame->length > kFramePayloadMax) return false;
  frame->size = frame_size(frame->length);
  if (frame->size > size || load<uint16_t>(bytes + 14) != 0) return false;
  const auto checked = static_cast<size_t>(frame->size) - kCheckedFrom;
  if (load<uint32_t>(bytes + kChecksumAt) != crc32c(0, bytes + kCheckedFrom, checked)) return false;
  frame->type = static_cast<FrameType>(load<uint16_t>(bytes + 12));
  frame->sequence = load<uint64_t>(bytes + 16);
  frame->synced = load<uint64_t>(bytes + 24);
  frame->payload = bytes + kFrameHeaderSize;
  return true;
}

}  // namespace hexagent
