// Any bytes as a segment of a journal: the reader, the decoder and a replay through the checks of
// the boundary must answer, never crash.
//
// Checksums would keep a fuzzer out, so each input is read twice: as it is, and with its row of
// frames mended (magic, checksum, order), which lets changes inside payloads through.
#include <algorithm>
#include <cstdint>
#include <cstring>
#include <memory>
#include <vector>

#include "capi/check_input.h"
#include "crash/memory_folder.h"
#include "runtime/journal_replay.h"
#include "wire/frame.h"
#include "wire/journal_encode.h"

namespace {

using namespace hexagent;  // NOLINT: a test of the whole

constexpr uint64_t kLargest = 64 * 1024;
constexpr int kStepsReplayed = 12;

// Settings a fuzzer may choose, but none that takes gigabytes at open.
bool is_small(const Settings& settings) {
  return settings.workflows_max <= 4096 && settings.calls_max <= 4096 &&
         settings.workers_max <= 64 && settings.names_max <= 4096 && settings.groups_max <= 4096;
}

std::vector<uint8_t> mend(const uint8_t* data, size_t size) {
  std::vector<uint8_t> mended;
  uint64_t sequence = 0;
  for (size_t at = 0; at + kFrameHeaderSize < size;) {
    uint32_t length = 0;
    uint16_t type = 0;
    Frame frame;
    std::memcpy(&length, data + at + 8, sizeof(length));
    std::memcpy(&type, data + at + 12, sizeof(type));
    frame.length = static_cast<uint32_t>(std::min<uint64_t>(length, size - at - kFrameHeaderSize));
    frame.type = static_cast<FrameType>(type);
    frame.sequence = ++sequence;
    frame.payload = data + at + kFrameHeaderSize;
    append_frame(frame, &mended);
    at += static_cast<size_t>(frame_size(frame.length));
  }
  return mended;
}

void read(std::vector<uint8_t> segment) {
  test::MemoryFolder folder;
  folder.files[segment_name(1)].bytes = std::move(segment);
  JournalReader reader(&folder);
  if (!reader.open() || !is_small(reader.header().settings)) return;
  hexagent_config config;
  config.settings = reader.header().settings;
  config.settings.intake_bytes = 65536;  // the queue is not used here
  hexagent_scheduler scheduler(config, nullptr);
  JournalReplay replay(&reader, &scheduler.core, &scheduler.names, &scheduler.labels,
                       [&](const Input& input) { return check_input(scheduler, input); });
  // The core audits itself after each step, which is slow; what is behind is only read.
  for (int step = 0; step < kStepsReplayed; ++step) {
    if (replay.step() != JournalItem::kStep) return;
  }
  while (reader.next() == JournalItem::kStep) {
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kLargest) return -1;
  read({data, data + size});
  read(mend(data, size));
  return 0;
}
