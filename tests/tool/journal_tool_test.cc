// `hexagent replay` and `hexagent trace` as a user runs them: on a journal that replays, on one
// that decides otherwise, on a torn one and on none.
#include <sys/wait.h>

#include <algorithm>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "crash/workload.h"
#include "wire/frame.h"
#include "wire/journal_decode.h"
#include "wire/journal_encode.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent;        // NOLINT: a test of the whole
using namespace hexagent::test;  // NOLINT
using Json = nlohmann::json;

struct Output {
  int status = -1;
  std::string text;
};

Output run_tool(const std::string& arguments) {
  Output output;
  const std::string command = std::string(HEXAGENT_TOOL) + " " + arguments + " 2>&1";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char buffer[4096];
  for (size_t count; (count = std::fread(buffer, 1, sizeof(buffer), pipe)) > 0;) {
    output.text.append(buffer, count);
  }
  output.status = WEXITSTATUS(pclose(pipe));
  return output;
}

bool has(const Output& output, const char* text) {
  if (output.text.find(text) != std::string::npos) return true;
  print_error("not in the output: %s\n%s\n", text, output.text.c_str());
  return false;
}

// A journal in a folder of its own. With `other` the header names a policy that the core did not
// run, so that a replay decides otherwise.
struct Folder {
  std::string path = (std::filesystem::temp_directory_path() / "hexagent-XXXXXX").string();

  Folder() {
    if (mkdtemp(path.data()) == nullptr) path.clear();
  }

  // With `segment_bytes` the journal has several segments.
  Folder(bool full, bool other, uint64_t segment_bytes = 64u << 20) {
    if (mkdtemp(path.data()) == nullptr) return;
    std::unique_ptr<JournalFolder> folder;
    std::string trouble;
    if (open_folder(path, FolderUse::kWrite, &folder, &trouble) != HEXAGENT_OK) return;
    const Settings settings = small_settings();
    Settings stated = settings;
    if (other) std::strcpy(stated.policy, "fcfs");
    JournalOptions options;
    options.full_decisions = full;
    options.segment_bytes = segment_bytes;
    NameTable names(256);
    NameTable labels(64);
    Workload workload(7, settings, &names, &labels);
    JournalWriter writer(folder.get(), stated, &names, &labels, options);
    if (writer.start({}, workload.core) != HEXAGENT_OK) return;
    for (int step = 0; step < 300; ++step) workload.step(&writer);
    static_cast<void>(writer.close());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

bool replays() {
  const Folder folder(false, false);
  const Output output = run_tool("replay " + folder.path);
  return output.status == 0 && has(output, "300 steps, ") &&
         has(output, "every decision is the one recorded\n");
}

void a_good_journal_replays_with_status_0(void**) { assert_true(replays()); }

// A scheduler with the limits of small_settings() and this journal; null and why not.
hexagent_scheduler* open_scheduler(const std::string& path, hexagent_error* error) {
  const std::pair<const char*, const char*> keys[] = {
      {"workflows_max", "32"}, {"calls_max", "256"},     {"workers_max", "8"},
      {"names_max", "256"},    {"groups_max", "16"},     {"journal_full_decisions", "1"},
      {"retry_max", "3"},      {"journal", path.c_str()}};
  hexagent_config* config = hexagent_config_create();
  for (const auto& [key, value] : keys) hexagent_config_set(config, key, value, nullptr);
  *error = {};
  error->struct_size = sizeof(*error);
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, error);
  hexagent_config_free(config);
  return scheduler;
}

// Written by the ABI, opened twice.
bool replays_what_the_abi_wrote() {
  const Folder folder;
  hexagent_error error;
  for (int64_t life = 0; life < 2; ++life) {
    hexagent_scheduler* scheduler = open_scheduler(folder.path, &error);
    if (scheduler == nullptr) return false;
    for (int64_t step = 1; step <= 40; ++step) {
      hexagent_workflow workflow = {};
      workflow.workflow = 1 + static_cast<uint64_t>(step % 30);
      hexagent_status result = HEXAGENT_OK;
      hexagent_workflow_begin(scheduler, &workflow, 1, &result);
      hexagent_workflow_cancel(scheduler, 1 + static_cast<uint64_t>(step % 7), 5);
      if (hexagent_step(scheduler, life * 1000 + step) <= 0) return false;
      hexagent_decision decisions[8];
      if (hexagent_poll(scheduler, decisions, 8) <= 0) return false;
    }
    hexagent_close(scheduler);
  }
  const Output output = run_tool("replay " + folder.path);
  return output.status == 0 && has(output, "80 steps, 160 inputs, ") &&
         has(output, "every decision is the one recorded\n");
}

void a_journal_of_the_abi_replays(void**) { assert_true(replays_what_the_abi_wrote()); }

bool refuses_to_recover() {
  const Folder folder(false, true);
  hexagent_error error;
  hexagent_scheduler* scheduler = open_scheduler(folder.path, &error);
  if (scheduler != nullptr) return false;
  const std::string text = error.text;
  return error.status == HEXAGENT_E_DIFFERENT && text.find(folder.path) == 0 &&
         text.find("decides otherwise than recorded") != std::string::npos;
}

void a_journal_that_decides_otherwise_is_not_recovered(void**) {
  assert_true(refuses_to_recover());
}

bool tells_difference(bool full) {
  const Folder folder(full, true);
  const Output output = run_tool("replay " + folder.path);
  const bool shown = full ? has(output, "\n  then     #") && has(output, "\n  now      #")
                          : has(output, "the journal holds hashes only");
  return output.status == 1 && shown && has(output, "steps decide otherwise than recorded");
}

void a_journal_that_decides_otherwise_shows_the_first_difference(void**) {
  assert_true(tells_difference(true));
  assert_true(tells_difference(false));
}

// Makes another release the writer of the first segment.
bool sign_as(const std::string& path, uint32_t version) {
  const std::string name = path + "/0000000001.journal";
  std::ifstream in(name, std::ios::binary);
  const std::vector<char> text{std::istreambuf_iterator<char>(in), {}};
  const std::vector<uint8_t> bytes(text.begin(), text.end());
  Frame frame;
  JournalHeader header;
  if (!read_frame(bytes.data(), bytes.size(), &frame)) return false;
  if (decode_header(frame.payload, frame.length, &header).status != HEXAGENT_OK) return false;
  const uint64_t size = frame.size;
  header.library_version = version;
  JournalEncoder encoder;
  const Payload payload = encoder.header(header);
  frame.payload = payload.bytes;
  frame.length = payload.length;
  std::vector<uint8_t> changed;
  append_frame(frame, &changed);
  if (changed.size() != size) return false;
  std::fstream out(name, std::ios::binary | std::ios::in | std::ios::out);
  out.write(reinterpret_cast<const char*>(changed.data()), static_cast<std::streamsize>(size));
  return out.good();
}

bool tells_other_release() {
  const Folder folder(true, true);
  if (!sign_as(folder.path, 0x000907)) return false;
  const Output output = run_tool("replay " + folder.path);
  return output.status == 1 && has(output, "written by hexagent 0.9.7, replayed by 0.1.0\n") &&
         has(output, "steps decide otherwise than recorded");
}

void a_journal_of_another_release_says_so(void**) { assert_true(tells_other_release()); }

bool tells_torn_tail() {
  const Folder folder(false, false);
  const std::string segment = folder.path + "/0000000001.journal";
  std::filesystem::resize_file(segment, std::filesystem::file_size(segment) - 100);
  const Output output = run_tool("replay " + folder.path);
  return output.status == 0 && has(output, "torn tail: ");
}

void a_torn_tail_is_told_and_no_error(void**) { assert_true(tells_torn_tail()); }

// Three segments or more; the first is gone, as the library removes it.
bool begins_with_a_snapshot() {
  const Folder folder(false, false, 20'000);
  const Output whole = run_tool("replay " + folder.path);
  if (whole.status != 0 || !has(whole, " snapshots on the way hold the state it came to\n")) {
    return false;
  }
  std::filesystem::remove(folder.path + "/0000000001.journal");
  const Output rest = run_tool("replay " + folder.path);
  if (rest.status != 0 || !has(rest, "begins behind step ") || !has(rest, "300 steps, ") ||
      !has(rest, "with the snapshot of segment 2\n") ||
      !has(rest, "every decision is the one recorded\n")) {
    return false;
  }
  const Output trace = run_tool("trace " + folder.path + " -o /dev/null");
  return trace.status == 0 && has(trace, "hexagent: the trace begins behind step ");
}

void a_journal_without_its_first_segment_begins_with_a_snapshot(void**) {
  assert_true(begins_with_a_snapshot());
}

bool tells_of_snapshots() {
  const Folder folder(false, false, 20'000);
  const std::string third = folder.path + "/0000000003.snapshot";
  std::filesystem::resize_file(third, std::filesystem::file_size(third) - 100);
  const Output unread = run_tool("replay " + folder.path);
  if (unread.status != 0 || !has(unread, "1 snapshots could not be read; the last: 0000000003.")) {
    return false;
  }
  std::filesystem::copy_file(folder.path + "/0000000002.snapshot", third,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::remove(folder.path + "/0000000001.journal");
  std::filesystem::remove(folder.path + "/0000000002.snapshot");
  const Output none = run_tool("replay " + folder.path);
  return none.status == 0 ? has(none, "with the snapshot of segment 4\n")
                          : has(none, "0000000003.snapshot: ");
}

void a_snapshot_that_cannot_be_read_is_told(void**) { assert_true(tells_of_snapshots()); }

bool refuses_wrong_arguments() {
  const Folder folder(false, false);
  const Output none = run_tool("replay /nonexistent");
  const Output wrong = run_tool("replay " + folder.path + " --explain nonsense");
  return none.status == 1 && has(none, "/nonexistent: open: No such file or directory") &&
         wrong.status == 1 && has(wrong, "not WORKFLOW/CALL");
}

void what_is_no_journal_is_an_error_in_words(void**) { assert_true(refuses_wrong_arguments()); }

// "" or what Perfetto would stumble over.
std::string flaw_of_trace(const Json& events) {
  std::map<std::pair<std::string, std::string>, int> open;
  std::map<uint64_t, int> arrows;
  std::map<uint64_t, std::vector<std::pair<double, double>>> tracks;
  uint64_t slices = 0;
  for (const Json& event : events) {
    const std::string phase = event.at("ph");
    if (phase == "b") ++open[{event.at("cat"), event.at("id")}];
    if (phase == "e" && --open[{event.at("cat"), event.at("id")}] < 0) return "an end first";
    if (phase == "s") arrows[event.at("id")] |= 1;
    if (phase == "f") arrows[event.at("id")] |= 2;
    if (phase != "X" || event.at("pid") != 1) continue;
    ++slices;
    const double start = event.at("ts");
    tracks[event.at("tid")].push_back({start, start + event.at("dur").get<double>()});
  }
  for (const auto& [id, count] : open) {
    if (count != 0) return "a span has no end";
  }
  uint64_t whole = 0;
  for (const auto& [id, ends] : arrows) {
    if (ends == 2) return "an arrow from nowhere";
    if (ends == 3) ++whole;
  }
  for (auto& [track, list] : tracks) {
    std::sort(list.begin(), list.end());
    for (size_t i = 1; i < list.size(); ++i) {
      if (list[i].first < list[i - 1].second - 0.0005) return "slices of one track overlap";
    }
  }
  if (slices < 50 || whole < 20 || tracks.size() < 6) return "too little in the trace";
  return "";
}

std::string trace_flaw() {
  const Folder folder(false, false);
  const std::string file = folder.path + "/trace.json";
  const Output output = run_tool("trace " + folder.path + " -o " + file);
  if (output.status != 0 || !output.text.empty()) return output.text;
  const Output text = run_tool("trace " + folder.path);
  const Json json = Json::parse(text.text, nullptr, false);
  if (json.is_discarded() || !json.contains("traceEvents")) return "no JSON";
  std::error_code error;
  if (std::filesystem::file_size(file, error) != text.text.size()) return "file and output differ";
  return flaw_of_trace(json["traceEvents"]);
}

void a_trace_is_what_perfetto_can_show(void**) { assert_string_equal(trace_flaw().c_str(), ""); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_good_journal_replays_with_status_0),
      cmocka_unit_test(a_journal_of_the_abi_replays),
      cmocka_unit_test(a_journal_that_decides_otherwise_is_not_recovered),
      cmocka_unit_test(a_journal_that_decides_otherwise_shows_the_first_difference),
      cmocka_unit_test(a_journal_of_another_release_says_so),
      cmocka_unit_test(a_torn_tail_is_told_and_no_error),
      cmocka_unit_test(a_journal_without_its_first_segment_begins_with_a_snapshot),
      cmocka_unit_test(a_snapshot_that_cannot_be_read_is_told),
      cmocka_unit_test(what_is_no_journal_is_an_error_in_words),
      cmocka_unit_test(a_trace_is_what_perfetto_can_show),
  };
  return cmocka_run_group_tests_name("journal tool", tests, nullptr, nullptr);
}
