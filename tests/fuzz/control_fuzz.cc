// Any bytes as control messages: read whole or refused, and what was read is written and read again
// alike. Frames are also mended, so that the fuzzer gets past the checksum.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "control/message.h"
#include "wire/frame.h"

namespace {

using namespace hexagent::control;  // NOLINT: a test of one part

void again(const Message& message) {
  std::vector<uint8_t> bytes;
  if (!append_message(message, 9, &bytes)) {
    // What a peer may make larger than we would: unused fields beside a full text.
    if (message.payload_size <= HEXAGENT_CONTROL_MAX) std::abort();
    return;
  }
  Message read;
  uint64_t size = 0;
  if (read_message(bytes.data(), bytes.size(), 9, &read, &size) != Read::kMessage) std::abort();
  if (size != bytes.size() || read.kind != message.kind || read.text != message.text ||
      read.payload_size != message.payload_size || read.mac != message.mac) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<uint8_t> raw(data, data + size);  // aligned as a connection's bytes are
  Message message;
  uint64_t frame_size = 0;
  if (read_message(raw.data(), raw.size(), 1, &message, &frame_size) == Read::kMessage) {
    again(message);
  }
  if (size > kMessageMax) return 0;
  hexagent::Frame frame;
  frame.type = hexagent::FrameType::kControl;
  frame.sequence = 1;
  frame.payload = data;
  frame.length = static_cast<uint32_t>(size);
  std::vector<uint8_t> bytes;
  if (size == 0) return 0;
  hexagent::append_frame(frame, &bytes);
  if (read_message(bytes.data(), bytes.size(), 1, &message, &frame_size) == Read::kMessage) {
    again(message);
  }
  return 0;
}
