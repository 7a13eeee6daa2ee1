// Inputs whose every byte is random, of any kind, with all they point to: for tests that what goes
// into the journal comes out of it.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "core/input.h"
#include "core/settings.h"

namespace hexagent::test {

struct Draw {
  uint64_t state;
  uint64_t operator()() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    const uint64_t high = state >> 32;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return high << 32 | state >> 32;
  }
  uint64_t operator()(uint64_t bound) { return (*this)() % bound; }
};

// Owns what its input points to; not to be moved.
struct RandomInput {
  unsigned char record[128] = {};
  std::vector<uint64_t> deps;
  std::vector<hexagent_prefix> prefixes;
  Input input = {InputKind::kReady};

  RandomInput(InputKind kind, Draw* draw) {
    input.kind = kind;
    // A third of the fields are zero, as in real records: those are not written at all.
    input.worker = number(draw);
    input.incarnation = number(draw);
    input.user_data = number(draw);
    input.workflow = number(draw);
    input.call = number(draw);
    fill(draw);
  }
  RandomInput(const RandomInput&) = delete;
  RandomInput& operator=(const RandomInput&) = delete;

 private:
  static uint32_t number(Draw* draw) {
    return (*draw)(3) == 0 ? 0 : static_cast<uint32_t>((*draw)());
  }

  template <class Record>
  Record* whole(Draw* draw) {
    static_assert(sizeof(Record) <= sizeof(record));
    for (size_t at = 0; at < sizeof(Record); at += 4) {
      const uint32_t word = number(draw);
      std::memcpy(record + at, &word, sizeof(word));
    }
    input.record = record;
    input.record_size = sizeof(Record);
    return reinterpret_cast<Record*>(record);
  }

  template <class Record>
  void sized(Draw* draw) {
    whole<Record>(draw)->struct_size = sizeof(Record);
  }

  void fill(Draw* draw) {
    switch (input.kind) {
      case InputKind::kProfileSet:
        sized<hexagent_profile>(draw);
        reinterpret_cast<hexagent_profile*>(record)->reserved = 0;
        return;
      case InputKind::kModelSet:
        sized<hexagent_model>(draw);
        reinterpret_cast<hexagent_model*>(record)->reserved = 0;
        return;
      case InputKind::kWorkerSet:
        return sized<hexagent_worker>(draw);
      case InputKind::kLinkSet:
        return sized<hexagent_link>(draw);
      case InputKind::kHeartbeat:
        return clear(whole<hexagent_heartbeat>(draw)->reserved);
      case InputKind::kWorkflowBegin:
        return clear(whole<hexagent_workflow>(draw)->reserved);
      case InputKind::kReport:
        return clear(whole<hexagent_report>(draw)->reserved);
      case InputKind::kSubmit:
        return fill_call(draw);
      case InputKind::kConfigure:
        return fill_change(draw);
      case InputKind::kLinkMeasured:
        whole<hexagent_link_sample>(draw)->reserved = 0;
        return;
      case InputKind::kWorkerResync:
        clear(whole<hexagent_resync>(draw)->reserved);
        for (uint64_t i = 3 * (*draw)(5); i > 0; --i) deps.push_back((*draw)());
        input.deps_count = static_cast<uint32_t>(deps.size());
        if (!deps.empty()) input.deps = deps.data();
        return;
      default:
        return;
    }
  }

  template <class Array>
  static void clear(Array& array) {
    std::memset(&array, 0, sizeof(array));
  }

  void fill_call(Draw* draw) {
    auto* call = whole<hexagent_call>(draw);
    clear(call->reserved);
    call->reserved0 = call->deps_offset = call->prefixes_offset = 0;
    if ((*draw)(2) == 0) clear(call->trace_id);
    for (uint64_t i = (*draw)(5); i > 0; --i) deps.push_back((*draw)());
    for (uint64_t i = (*draw)(5); i > 0; --i) {
      prefixes.push_back({number(draw),
                          number(draw),
                          number(draw),
                          number(draw),
                          number(draw),
                          number(draw),
                          0,
                          {}});
    }
    input.deps_count = call->deps_count = static_cast<uint32_t>(deps.size());
    input.prefixes_count = call->prefixes_count = static_cast<uint32_t>(prefixes.size());
    if (!deps.empty()) input.deps = deps.data();
    if (!prefixes.empty()) input.prefixes = prefixes.data();
  }

  void fill_change(Draw* draw) {
    SettingChange change;
    change.key = static_cast<uint32_t>((*draw)(setting_count()));
    if (setting_info(change.key).is_name) {
      const uint64_t size = (*draw)(kPolicyTextMax);
      for (uint64_t i = 0; i < size; ++i) change.name[i] = static_cast<char>(1 + (*draw)(255));
    } else {
      change.number = static_cast<double>((*draw)()) * 1e-9;
    }
    std::memcpy(record, &change, sizeof(change));
    input.record = record;
    input.record_size = sizeof(change);
  }
};

inline constexpr uint32_t kInputKinds = 17;

// Are two inputs the same, with all they point to?
inline bool same_input(const Input& a, const Input& b) {
  const auto same = [](const void* left, const void* right, size_t size) {
    return size == 0 || std::memcmp(left, right, size) == 0;
  };
  return a.kind == b.kind && a.worker == b.worker && a.incarnation == b.incarnation &&
         a.user_data == b.user_data && a.workflow == b.workflow && a.call == b.call &&
         a.record_size == b.record_size && a.deps_count == b.deps_count &&
         a.prefixes_count == b.prefixes_count && same(a.record, b.record, a.record_size) &&
         same(a.deps, b.deps, a.deps_count * sizeof(uint64_t)) &&
         same(a.prefixes, b.prefixes, a.prefixes_count * sizeof(hexagent_prefix));
}

}  // namespace hexagent::test
