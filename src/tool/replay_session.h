// A journal opened for replay, with errors as exceptions: what `replay` and `trace` share.
#pragma once

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent::tool {

class ReplaySession {
 public:
  explicit ReplaySession(const std::string& path) {
    hexagent_error error = empty_error();
    replay_.reset(hexagent_replay_open(path.c_str(), HEXAGENT_VERSION, &error));
    if (replay_ == nullptr) fail(error.status, error);
    info.struct_size = sizeof(info);
  }

  // False at the end of the journal; `info` tells of the step or of the end.
  bool step() {
    hexagent_error error = empty_error();
    const int32_t answer = hexagent_replay_step(replay_.get(), &info, &error);
    if (answer < 0) fail(answer, error);
    return answer > 0;
  }

  std::vector<hexagent_decision> decisions() const {
    std::vector<hexagent_decision> list(info.decisions_count);
    hexagent_replay_decisions(replay_.get(), 0, list.data(), info.decisions_count);
    return list;
  }
  std::vector<hexagent_decision> recorded() const {
    std::vector<hexagent_decision> list(info.recorded_full != 0 ? info.recorded_count : 0);
    hexagent_replay_recorded(replay_.get(), 0, list.data(), static_cast<uint32_t>(list.size()));
    return list;
  }

  // Room for any record.
  struct alignas(16) Record {
    unsigned char bytes[128] = {};
  };
  hexagent_input input(uint32_t index, Record* record) const {
    hexagent_input input = {};
    hexagent_replay_input(replay_.get(), index, &input, record->bytes, sizeof(record->bytes));
    return input;
  }

  // "" for id 0.
  std::string name(uint32_t id) const {
    char text[256] = "";
    if (id != 0) hexagent_name_text(scheduler(), id, text, sizeof(text));
    return text;
  }

  hexagent_scheduler* scheduler() const { return hexagent_replay_scheduler(replay_.get()); }

  hexagent_replay_info info = {};

  // Where it begins, if not with the first step; "" else. After a step.
  std::string beginning() const {
    if (info.snapshot_segment == 0) return {};
    return "begins behind step " + std::to_string(info.first_step) +
           ", with the snapshot of segment " + std::to_string(info.snapshot_segment);
  }

 private:
  struct Close {
    void operator()(hexagent_replay* replay) const { hexagent_replay_close(replay); }
  };

  static hexagent_error empty_error() {
    hexagent_error error = {};
    error.struct_size = sizeof(error);
    return error;
  }

  [[noreturn]] static void fail(hexagent_status status, const hexagent_error& error) {
    throw std::runtime_error(std::string(error.text) + " (" + hexagent_status_name(status) + ")");
  }

  std::unique_ptr<hexagent_replay, Close> replay_;
};

// "0.1.0"
inline std::string version_text(uint32_t version) {
  return std::to_string(version >> 16) + "." + std::to_string((version >> 8) & 0xff) + "." +
         std::to_string(version & 0xff);
}

}  // namespace hexagent::tool
