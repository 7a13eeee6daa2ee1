// Frames: how records lie in a journal segment.
//
// A segment is a row of frames from its first byte to its end. A frame is a header of 32 bytes, the
// payload (one size-prefixed FlatBuffer of journal.fbs) and zeros up to a multiple of 16 bytes, so
// that a payload read or mapped at an aligned address is aligned too. Header, little-endian:
//
//    0  magic     4  "HXJF"
//    4  checksum  4  CRC-32C of everything after it, the zeros at the end too
//    8  length    4  of the payload
//   12  type      2  FrameType
//   14  zero      2
//   16  sequence  8  1, 2, 3 ... over all segments of a journal
//   24  synced    8  bytes of this segment known to be on disk when the frame was made
//
// `synced` is what tells a torn tail from damage. After a crash, bytes that were never synced may
// be missing, cut or zero in any order, and whole frames may follow them: that is normal. Bad bytes
// before a place that a later frame calls synced are not (journal_reader.h). Tests:
// tests/unit/wire/frame_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace hexagent {

inline constexpr uint32_t kFrameHeaderSize = 32;  // bytes
inline constexpr uint32_t kFrameAlign = 16;
// Longest payload. A writer stays far below it; a reader refuses more without a look at it.
inline constexpr uint32_t kFramePayloadMax = 16u << 20;

enum class FrameType : uint16_t {
  kHeader = 1,
  kNames = 2,
  kStep = 3,      // the whole step, or its last part
  kStepPart = 4,  // more of the step follows
  kDecisions = 5,
  kClose = 6,
  kSnapshot = 7,  // of a snapshot's file, in no segment
  kControl = 8    // of a control connection (src/control), in no file
};

struct Frame {
  FrameType type = FrameType::kHeader;
  uint64_t sequence = 0;
  uint64_t synced = 0;
  const uint8_t* payload = nullptr;
  uint32_t length = 0;  // of the payload
  uint64_t size = 0;    // of the whole frame
};

// Bytes a frame with this payload takes.
constexpr uint64_t frame_size(uint32_t length) {
  return (uint64_t{kFrameHeaderSize} + length + kFrameAlign - 1) / kFrameAlign * kFrameAlign;
}

// Appends a frame; `frame.size` is ignored. May throw std::bad_alloc.
void append_frame(const Frame& frame, std::vector<uint8_t>* bytes);

// Reads the frame at the start of these bytes; its payload points into them. False when there is no
// whole and sound one. The type may be one this library does not know.
bool read_frame(const uint8_t* bytes, uint64_t size, Frame* frame);

}  // namespace hexagent
