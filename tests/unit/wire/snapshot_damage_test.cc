// Snapshots that are damaged or were made by somebody with bad intent: refused, or taken by a core
// that is sound and stays so. In debug builds the core audits itself at each step.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "crash/changed_snapshot.h"
#include "wire/snapshot.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

using Bytes = std::vector<uint8_t>;

MidLife life_of(uint64_t seed, bool shadow) { return mid_life(seed, shadow, 150, 40); }

// Is it refused, with a word? Whatever size the bytes have, nothing behind them is read.
bool is_refused(const MidLife& life, const Bytes& bytes) {
  const Bytes own(bytes);  // at its own place, so that a sanitizer sees the end
  Scheduler core(life.settings);
  std::string flaw;
  return !decode_snapshot(own.data(), own.size(), &core, &flaw) && !flaw.empty();
}

std::string cut_ones() {
  const MidLife life = life_of(1, false);
  const Bytes whole = encode_sections(life.sections);
  if (is_refused(life, whole)) return "the whole is refused";
  Draw draw{7};
  for (uint32_t i = 0; i < 300; ++i) {
    const size_t size = i < 64 ? i : static_cast<size_t>(draw(whole.size()));
    Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    if (!is_refused(life, cut)) return "taken at " + std::to_string(size);
    if (size < kSnapshotHeadSize) continue;
    seal_snapshot(&cut);
    if (!is_refused(life, cut)) return "taken and sealed at " + std::to_string(size);
  }
  Bytes longer = whole;
  longer.push_back(0);
  return is_refused(life, longer) ? "" : "taken with a byte too many";
}

void a_cut_snapshot_is_refused(void**) { assert_string_equal(cut_ones().c_str(), ""); }

// The checksum finds every flipped bit; with one that fits, the core has to.
std::string flipped_ones(uint32_t rounds) {
  const MidLife life = life_of(2, false);
  const Bytes whole = encode_sections(life.sections);
  Draw draw{11};
  for (uint32_t round = 0; round < rounds; ++round) {
    Bytes flipped = whole;
    const auto at = static_cast<size_t>(draw(flipped.size()));
    flipped[at] = static_cast<uint8_t>(flipped[at] ^ (1u << draw(8)));
    if (!is_refused(life, flipped)) return "round " + std::to_string(round) + ": taken";
    seal_snapshot(&flipped);
    SnapshotSections sections;
    std::string flaw;
    bool taken = false;
    if (!decode_sections(flipped.data(), flipped.size(), &sections, &flaw)) continue;
    const std::string wrong = refuses_or_lives(life, sections, &taken, &flaw);
    if (!wrong.empty()) return "round " + std::to_string(round) + ": " + wrong;
  }
  return "";
}

void a_flipped_bit_is_refused_or_taken_by_a_sound_core(void**) {
  assert_string_equal(flipped_ones(400).c_str(), "");
}

std::string changed_ones(bool shadow, uint64_t seeds, uint32_t changes) {
  uint32_t taken_count = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const MidLife life = life_of(seed, shadow);
    for (uint32_t i = 0; i < changes; ++i) {
      Draw draw{seed * 1000003 + i};
      SnapshotSections sections = life.sections;
      for (uint64_t n = 1 + draw(3); n > 0; --n) change(&sections, &draw);
      bool taken = false;
      std::string flaw;
      const std::string wrong = refuses_or_lives(life, sections, &taken, &flaw);
      if (!wrong.empty()) {
        return "seed " + std::to_string(seed) + ", change " + std::to_string(i) + ": " + wrong;
      }
      taken_count += taken ? 1u : 0u;
    }
  }
  return taken_count > 0 ? "" : "none was taken";
}

void changed_numbers_are_refused_or_taken_by_a_sound_core(void**) {
  assert_string_equal(changed_ones(false, 4, 400).c_str(), "");
  assert_string_equal(changed_ones(true, 2, 400).c_str(), "");
}

std::string many_for_little() {
  const MidLife life = life_of(3, false);
  SnapshotSections sections = life.sections;
  for (SnapshotSection& section : sections) {
    if (section.rows == 0) continue;
    section.rows = 4'000'000'000;
    for (SnapshotColumn& column : section.columns) column.values.resize(1);
  }
  return is_refused(life, encode_sections(sections)) ? "" : "taken";
}

void few_bytes_cannot_ask_for_much_memory(void**) {
  assert_string_equal(many_for_little().c_str(), "");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_cut_snapshot_is_refused),
      cmocka_unit_test(a_flipped_bit_is_refused_or_taken_by_a_sound_core),
      cmocka_unit_test(changed_numbers_are_refused_or_taken_by_a_sound_core),
      cmocka_unit_test(few_bytes_cannot_ask_for_much_memory),
  };
  return cmocka_run_group_tests_name("damaged snapshots", tests, nullptr, nullptr);
}
