// Journal records: every kind of input and every other record comes back as it was, and no damaged
// payload is read beyond its end or taken for another.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "crash/random_input.h"
#include "wire/decision_hash.h"
#include "wire/journal_decode.h"
#include "wire/journal_encode.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT

using Bytes = std::vector<uint8_t>;

Bytes copy(const Payload& payload) { return Bytes(payload.bytes, payload.bytes + payload.length); }

std::vector<std::unique_ptr<RandomInput>> random_inputs(uint32_t count, Draw* draw) {
  std::vector<std::unique_ptr<RandomInput>> inputs;
  for (uint32_t i = 0; i < count; ++i) {
    const auto kind = static_cast<InputKind>(1 + (*draw)(kInputKinds));
    inputs.push_back(std::make_unique<RandomInput>(kind, draw));
  }
  return inputs;
}

Bytes encode(JournalEncoder* encoder, const std::vector<std::unique_ptr<RandomInput>>& inputs,
             const StepHead& head) {
  for (const auto& input : inputs) encoder->add(input->input);
  return copy(encoder->step(head));
}

// "" or what is wrong.
std::string step_comes_back(JournalEncoder* encoder, uint32_t count, Draw* draw) {
  const auto inputs = random_inputs(count, draw);
  const StepHead head = {static_cast<TimeNs>((*draw)()), (*draw)(), (*draw)(),
                         static_cast<uint32_t>((*draw)()), (*draw)()};
  const Bytes bytes = encode(encoder, inputs, head);
  DecodedStep step;
  const DecodeFlaw flaw = step.append(bytes.data(), static_cast<uint32_t>(bytes.size()));
  if (flaw.status != HEXAGENT_OK) return flaw.text;
  if (std::memcmp(&step.head(), &head, sizeof(TimeNs) + 16) != 0 ||
      step.head().decision_count != head.decision_count ||
      step.head().decision_hash != head.decision_hash) {
    return "head differs";
  }
  if (step.input_count() != count) return "wrong number of inputs";
  for (uint32_t i = 0; i < count; ++i) {
    if (!same_input(step.input(i), inputs[i]->input)) {
      return "kind " + std::to_string(static_cast<uint32_t>(inputs[i]->input.kind)) + " differs";
    }
  }
  return "";
}

bool every_kind_comes_back(uint32_t rounds) {
  JournalEncoder encoder;
  Draw draw{42};
  for (uint32_t round = 0; round < rounds; ++round) {
    const std::string wrong = step_comes_back(&encoder, static_cast<uint32_t>(draw(40)), &draw);
    if (wrong.empty()) continue;
    print_error("round %u: %s\n", round, wrong.c_str());
    return false;
  }
  return true;
}

void every_kind_of_input_comes_back_as_it_was(void**) { assert_true(every_kind_comes_back(500)); }

bool parts_join() {
  JournalEncoder encoder;
  Draw draw{3};
  const auto first = random_inputs(10, &draw);
  const auto second = random_inputs(7, &draw);
  const Bytes one = encode(&encoder, first, {5, 1, 1, 0, 0});
  const Bytes two = encode(&encoder, second, {5, 1, 1, 3, 9});
  DecodedStep step;
  static_cast<void>(step.append(one.data(), static_cast<uint32_t>(one.size())));
  static_cast<void>(step.append(two.data(), static_cast<uint32_t>(two.size())));
  if (step.input_count() != 17 || step.head().decision_count != 3) return false;
  for (uint32_t i = 0; i < 17; ++i) {
    const Input& wanted = i < 10 ? first[i]->input : second[i - 10]->input;
    if (!same_input(step.input(i), wanted)) return false;
  }
  return true;
}

void the_parts_of_a_step_join(void**) { assert_true(parts_join()); }

bool header_comes_back() {
  JournalHeader header;
  header.library_version = 0x000102;
  header.segment = 7;
  header.previous_bytes = 1u << 30;
  header.steps = 123456789012;
  header.inputs = 223456789012;
  header.last_now = 99;
  header.boot = UINT64_MAX;
  header.clock_shift = -5;
  header.settings.window_s = 0.25;
  header.settings.workers_max = 77;
  std::strcpy(header.settings.policy, "hexagent");
  JournalEncoder encoder;
  const Bytes bytes = copy(encoder.header(header));
  JournalHeader read;
  const auto length = static_cast<uint32_t>(bytes.size());
  if (decode_header(bytes.data(), length, &read).status != HEXAGENT_OK) return false;
  for (uint32_t key = 0; key < setting_count(); ++key) {
    const SettingChange a = setting_value(header.settings, key);
    const SettingChange b = setting_value(read.settings, key);
    if (std::memcmp(&a, &b, sizeof(a)) != 0) return false;
  }
  return read.format == kJournalFormat && read.library_version == header.library_version &&
         read.segment == 7 && read.previous_bytes == header.previous_bytes &&
         read.steps == header.steps && read.inputs == header.inputs && read.last_now == 99 &&
         read.boot == header.boot && read.clock_shift == -5;
}

void a_header_comes_back_with_every_setting(void**) { assert_true(header_comes_back()); }

bool names_come_back() {
  const std::string_view texts[] = {"llama", "a", "\xc3\xbc"};
  JournalEncoder encoder;
  const Bytes bytes = copy(encoder.names(NameKind::kLabel, 4, texts, 3));
  JournalNames names;
  const auto length = static_cast<uint32_t>(bytes.size());
  return decode_names(bytes.data(), length, &names).status == HEXAGENT_OK &&
         names.kind == NameKind::kLabel && names.first_id == 4 && names.texts.size() == 3 &&
         names.texts[0] == "llama" && names.texts[1] == "a" && names.texts[2] == "\xc3\xbc";
}

void names_come_back(void**) { assert_true(names_come_back()); }

bool decisions_come_back() {
  Draw draw{5};
  std::vector<hexagent_decision> decisions(9);
  for (auto& decision : decisions) {
    auto* bytes = reinterpret_cast<unsigned char*>(&decision);
    for (size_t i = 0; i < sizeof(decision); ++i) bytes[i] = static_cast<unsigned char>(draw());
  }
  JournalEncoder encoder;
  const Bytes bytes = copy(encoder.decisions(77, decisions.data(), 9));
  uint64_t step = 0;
  std::vector<hexagent_decision> read;
  const auto length = static_cast<uint32_t>(bytes.size());
  return decode_decisions(bytes.data(), length, &step, &read).status == HEXAGENT_OK && step == 77 &&
         read.size() == 9 &&
         std::memcmp(read.data(), decisions.data(), 9 * sizeof(decisions[0])) == 0;
}

void decisions_come_back(void**) { assert_true(decisions_come_back()); }

// Each 32-bit word of a decision, reserved ones too, must be seen by the hash.
uint32_t words_unseen() {
  uint32_t unseen = 0;
  hexagent_decision decision = {};
  DecisionHash before;
  before.add(decision);
  for (size_t at = 0; at < sizeof(decision); at += 4) {
    hexagent_decision changed = decision;
    reinterpret_cast<unsigned char*>(&changed)[at] = 1;
    DecisionHash after;
    after.add(changed);
    unseen += after.value() == before.value() ? 1 : 0;
  }
  return unseen;
}

void the_hash_sees_every_field_of_a_decision(void**) {
  assert_int_equal(words_unseen(), 0);
  // Part of the file format: journals of 0.1 hold these numbers.
  hexagent_decision decision = {};
  decision.sequence = 1;
  decision.kind = HEXAGENT_DECISION_PREFILL;
  DecisionHash hash;
  assert_true(hash.value() == 0x7d0cae22b0afc763u);
  hash.add(decision);
  assert_true(hash.value() == 0x9ddd3e259cd84a4bu);
}

// Reads a payload as every kind of record there is; true if the step was taken.
bool read_all_ways(const Bytes& bytes) {
  // A copy of exactly this size, so that the address sanitizer sees any step beyond.
  const Bytes exact(bytes);
  const auto length = static_cast<uint32_t>(exact.size());
  JournalHeader header;
  JournalNames names;
  std::vector<hexagent_decision> decisions;
  uint64_t number = 0;
  static_cast<void>(decode_header(exact.data(), length, &header));
  static_cast<void>(decode_names(exact.data(), length, &names));
  static_cast<void>(decode_decisions(exact.data(), length, &number, &decisions));
  static_cast<void>(decode_close(exact.data(), length, &number, &number));
  DecodedStep step;
  if (step.append(exact.data(), length).status != HEXAGENT_OK) return false;
  for (uint32_t i = 0; i < step.input_count(); ++i) {
    const Input input = step.input(i);
    // Touches everything the input points to.
    if (!same_input(input, input)) return false;
  }
  return true;
}

uint32_t cuts_taken() {
  JournalEncoder encoder;
  Draw draw{8};
  const Bytes bytes = encode(&encoder, random_inputs(30, &draw), {1, 1, 1, 0, 0});
  uint32_t taken = 0;
  for (size_t size = 0; size < bytes.size(); ++size) {
    taken += read_all_ways(Bytes(bytes.data(), bytes.data() + size)) ? 1 : 0;
  }
  return taken;
}

void no_cut_payload_is_taken(void**) { assert_int_equal(cuts_taken(), 0); }

// Changed bytes may well give another valid step (frames have a checksum for that); they must only
// never lead astray.
uint32_t changes_survived() {
  JournalEncoder encoder;
  Draw draw{9};
  const Bytes bytes = encode(&encoder, random_inputs(12, &draw), {1, 1, 1, 0, 0});
  uint32_t survived = 0;
  for (size_t at = 0; at < bytes.size(); ++at) {
    for (const unsigned mask : {0x01u, 0x80u, 0xffu}) {
      Bytes changed = bytes;
      changed[at] = static_cast<uint8_t>(changed[at] ^ mask);
      static_cast<void>(read_all_ways(changed));
      ++survived;
    }
  }
  return survived;
}

void no_changed_byte_leads_astray(void**) { assert_true(changes_survived() > 1000); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(every_kind_of_input_comes_back_as_it_was),
      cmocka_unit_test(the_parts_of_a_step_join),
      cmocka_unit_test(a_header_comes_back_with_every_setting),
      cmocka_unit_test(names_come_back),
      cmocka_unit_test(decisions_come_back),
      cmocka_unit_test(the_hash_sees_every_field_of_a_decision),
      cmocka_unit_test(no_cut_payload_is_taken),
      cmocka_unit_test(no_changed_byte_leads_astray),
  };
  return cmocka_run_group_tests_name("journal codec", tests, nullptr, nullptr);
}
