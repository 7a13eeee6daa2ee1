// Tests of the trace reader: what a good file becomes, and what each bad line is told.
#include "sim/workload/trace.h"

#include <zlib.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

// cmocka.h has no extern "C" of its own, and needs the four headers above before it.
extern "C" {
#include <cmocka.h>
}

#include "../caught_error.h"

namespace {

using hexagent::sim::catch_input_error;
using hexagent::sim::CaughtError;
using hexagent::sim::load_trace;
using hexagent::sim::parse_trace;
using hexagent::sim::Trace;
using hexagent::sim::TraceCall;

constexpr const char* kGoodLine =
    R"({"workflow":"w1","arrival_s":2.5,"class":"chat","session":"s","turn":1,)"
    R"("after_prev_s":7,"unknown":[1],"calls":[)"
    R"({"id":10,"deps":[],"prompt_tokens":100,"output_tokens":5,"shared_prefix_tokens":60,)"
    R"("prefix_of":null,"prefix_of_ext":["w0",4],"tool_delay_s":null,"stage":"a"},)"
    R"({"id":30,"deps":[20,10,10],"prompt_tokens":120,"output_tokens":6,)"
    R"("shared_prefix_tokens":100,"prefix_of":10,"tool_delay_s":1.5,"stage":"b"},)"
    R"({"id":20,"deps":[10],"prompt_tokens":50,"output_tokens":7,"shared_prefix_tokens":null,)"
    R"("prefix_of":null,"tool_delay_s":0,"stage":"c","prefix_group":"g",)"
    R"("prefix_group_tokens":40}]})";

constexpr const char* kEarlierLine =
    R"({"workflow":"w0","arrival_s":null,"class":"chat","calls":[)"
    R"({"id":4,"deps":[],"prompt_tokens":60,"output_tokens":5,"shared_prefix_tokens":0,)"
    R"("prefix_of":null,"tool_delay_s":null,"stage":"a"}]})";

// One call with `fields` in place of the usual ones, inside a workflow that is fine.
std::string line_with_call(const char* fields) {
  return std::string(R"({"workflow":"w","arrival_s":null,"class":"c","calls":[{)") + fields + "}]}";
}

CaughtError error_of(const std::string& text) {
  return catch_input_error([&text] { parse_trace(text, "dir/file.jsonl"); });
}

CaughtError error_of_call(const char* fields) { return error_of(line_with_call(fields)); }

Trace good_trace() {
  return parse_trace(std::string(kEarlierLine) + "\n\n" + kGoodLine, "t.jsonl");
}

void assert_error(const CaughtError& error, int64_t line, const char* field, const char* message) {
  assert_true(error.thrown);
  assert_int_equal(error.line, line);
  assert_string_equal(error.field, field);
  assert_non_null(std::strstr(error.message, message));
}

// Flat copy of the parsed workflow w1, so that no container lives across an assertion.
struct Flat {
  int workflows = 0;
  bool names_fit = false;
  double arrival_s = 0.0;
  double after_prev_s = 0.0;
  int64_t outputs[3] = {};
  size_t dep_counts[3] = {};
  uint32_t last_deps[2] = {};
  int32_t prefix_of[3] = {};
  int32_t external_body = 0;
  int32_t external_call = 0;
  int64_t unknown_shared = 0;
  double tool_delays_s[3] = {};
  int64_t group_tokens = 0;
};

Flat flat_good_trace() {
  const Trace trace = good_trace();
  Flat flat;
  flat.workflows = static_cast<int>(trace.workflows.size());
  const auto& workflow = trace.workflows[1];
  flat.names_fit = trace.name == "t" && workflow.id == "w1" && workflow.class_name == "chat" &&
                   workflow.session == "s" && workflow.turn == 1 && workflow.calls[1].stage == "c";
  flat.arrival_s = workflow.arrival_s;
  flat.after_prev_s = workflow.after_prev_s;
  for (size_t i = 0; i < 3; ++i) {
    const TraceCall& call = workflow.calls[i];
    flat.outputs[i] = call.output_tokens;
    flat.dep_counts[i] = call.deps.size();
    flat.prefix_of[i] = call.prefix_of;
    flat.tool_delays_s[i] = call.tool_delay_s;
  }
  flat.last_deps[0] = workflow.calls[2].deps[0];
  flat.last_deps[1] = workflow.calls[2].deps[1];
  flat.external_body = workflow.calls[0].prefix_of_body;
  flat.external_call = workflow.calls[0].prefix_of_call;
  flat.unknown_shared = workflow.calls[1].shared_prefix_tokens;
  flat.group_tokens = workflow.calls[1].prefix_group_tokens;
  return flat;
}

void a_good_line_keeps_its_fields(void**) {
  const Flat flat = flat_good_trace();
  assert_int_equal(flat.workflows, 2);
  assert_true(flat.names_fit);
  assert_true(flat.arrival_s == 2.5);
  assert_true(flat.after_prev_s == 7.0);
  assert_true(flat.tool_delays_s[0] == -1.0);
  assert_true(flat.tool_delays_s[2] == 1.5);
  assert_int_equal(flat.unknown_shared, -1);
  assert_int_equal(flat.group_tokens, 40);
}

void calls_are_renumbered_in_topological_order(void**) {
  const Flat flat = flat_good_trace();
  assert_int_equal(flat.outputs[0], 5);
  assert_int_equal(flat.outputs[1], 7);
  assert_int_equal(flat.outputs[2], 6);
  assert_int_equal(flat.dep_counts[2], 2);
  assert_int_equal(flat.last_deps[0], 0);
  assert_int_equal(flat.last_deps[1], 1);
  assert_int_equal(flat.prefix_of[2], 0);
}

void an_external_prefix_is_linked_to_its_body_and_call(void**) {
  const Flat flat = flat_good_trace();
  assert_int_equal(flat.external_body, 0);
  assert_int_equal(flat.external_call, 0);
}

int32_t body_of_unknown_external() {
  return parse_trace(kGoodLine, "t").workflows[0].calls[0].prefix_of_body;
}

void an_external_prefix_of_another_file_stays_unlinked(void**) {
  assert_int_equal(body_of_unknown_external(), -1);
}

// Writes `text` gzipped, cut to `kept` parts in ten, and reads it back.
CaughtError error_of_gzip(int kept, size_t* workflows) {
  char path[] = "/tmp/hexagent-trace-XXXXXX";
  const int descriptor = mkstemp(path);
  const gzFile packed = gzdopen(descriptor, "wb");
  std::string text = std::string(kEarlierLine) + "\n";
  // Spread over the file, so that a cut does not fall into the trailer alone.
  for (int i = 0; i < 2000; ++i) text += std::string(static_cast<size_t>(rand() % 60), ' ') + "\n";
  gzwrite(packed, text.data(), static_cast<unsigned>(text.size()));
  gzclose(packed);
  FILE* file = std::fopen(path, "rb");
  std::string bytes(1 << 20, '\0');
  bytes.resize(std::fread(bytes.data(), 1, bytes.size(), file) * static_cast<size_t>(kept) / 10);
  std::fclose(file);
  file = std::fopen(path, "wb");
  std::fwrite(bytes.data(), 1, bytes.size(), file);
  std::fclose(file);
  const std::string name = path;
  const CaughtError error =
      catch_input_error([&] { *workflows = load_trace(name).workflows.size(); });
  std::remove(path);
  return error;
}

void a_gzip_file_is_unpacked(void**) {
  size_t workflows = 0;
  const CaughtError error = error_of_gzip(10, &workflows);
  assert_false(error.thrown);
  assert_int_equal(workflows, 1);
}

void a_cut_gzip_file_is_refused(void**) {
  size_t workflows = 0;
  const CaughtError error = error_of_gzip(5, &workflows);
  assert_true(error.thrown);
  assert_int_equal(workflows, 0);
}

void a_missing_file_is_refused_by_name(void**) {
  const CaughtError error = catch_input_error([] { load_trace("/nonexistent/t.jsonl"); });
  assert_string_equal(error.what, "/nonexistent/t.jsonl: cannot be opened");
}

void an_empty_file_is_refused(void**) { assert_error(error_of("\n \n"), 0, "", "no workflow"); }

void a_line_that_is_not_json_is_refused_with_its_number(void**) {
  const CaughtError error = error_of(std::string(kEarlierLine) + "\n{\"workflow\":");
  assert_error(error, 2, "", "not valid JSON");
  assert_string_equal(error.what, "dir/file.jsonl:2: is not valid JSON");
}

void a_missing_key_is_named(void**) {
  assert_error(error_of(R"({"workflow":"w","class":"c","calls":[]})"), 1, "arrival_s", "missing");
  assert_error(error_of_call(R"("id":0,"deps":[])"), 1, "calls[0].prompt_tokens", "missing");
}

void a_workflow_without_calls_is_refused(void**) {
  const char* line = R"({"workflow":"w","arrival_s":null,"class":"c","calls":[]})";
  assert_error(error_of(line), 1, "calls", "with a call");
}

void a_workflow_id_used_twice_is_refused(void**) {
  const std::string line = kEarlierLine;
  const CaughtError error = error_of(line + "\n" + line);
  assert_error(error, 2, "workflow", "twice");
}

// Calls named by template: "@" is replaced by the usual lengths of a call.
CaughtError error_of_calls(const char* calls) {
  std::string text = R"({"workflow":"w","arrival_s":null,"class":"c","calls":[)";
  for (const char* letter = calls; *letter != '\0'; ++letter) {
    if (*letter == '@') {
      text += R"("prompt_tokens":9,"output_tokens":2,"tool_delay_s":null,"stage":"a")";
    } else {
      text += *letter;
    }
  }
  return error_of(text + "]}");
}

void a_call_id_used_twice_is_refused(void**) {
  const CaughtError error =
      error_of_calls(R"({"id":1,"deps":[],"shared_prefix_tokens":0,"prefix_of":null,@},)"
                     R"({"id":1,"deps":[],"shared_prefix_tokens":0,"prefix_of":null,@})");
  assert_error(error, 1, "calls[1].id", "twice: 1");
}

void an_unknown_dependency_is_refused(void**) {
  const CaughtError error =
      error_of_calls(R"({"id":1,"deps":[7],"shared_prefix_tokens":0,"prefix_of":null,@})");
  assert_error(error, 1, "calls[0].deps", "unknown call: 7");
}

void a_dependency_on_itself_is_refused(void**) {
  const CaughtError error =
      error_of_calls(R"({"id":1,"deps":[1],"shared_prefix_tokens":0,"prefix_of":null,@})");
  assert_error(error, 1, "calls[0].deps", "on itself");
}

void a_cycle_is_refused(void**) {
  const CaughtError error =
      error_of_calls(R"({"id":0,"deps":[],"shared_prefix_tokens":0,"prefix_of":null,@},)"
                     R"({"id":1,"deps":[2],"shared_prefix_tokens":0,"prefix_of":null,@},)"
                     R"({"id":2,"deps":[1],"shared_prefix_tokens":0,"prefix_of":null,@})");
  assert_error(error, 1, "calls[1].deps", "cycle");
}

void an_unknown_prefix_source_is_refused(void**) {
  const CaughtError error =
      error_of_calls(R"({"id":0,"deps":[],"shared_prefix_tokens":3,"prefix_of":5,@})");
  assert_error(error, 1, "calls[0].prefix_of", "unknown call");
}

void a_prefix_source_that_comes_later_is_refused(void**) {
  const CaughtError error =
      error_of_calls(R"({"id":0,"deps":[],"shared_prefix_tokens":3,"prefix_of":1,@},)"
                     R"({"id":1,"deps":[0],"shared_prefix_tokens":0,"prefix_of":null,@})");
  assert_error(error, 1, "calls[0].prefix_of", "does not come before");
}

void more_shared_than_prompt_is_refused(void**) {
  const CaughtError error =
      error_of_calls(R"({"id":0,"deps":[],"shared_prefix_tokens":10,"prefix_of":null,@})");
  assert_error(error, 1, "calls[0].shared_prefix_tokens", "more than prompt_tokens");
}

void more_shared_than_the_source_held_is_refused(void**) {
  const CaughtError error = error_of_calls(
      R"({"id":0,"deps":[],"shared_prefix_tokens":0,"prefix_of":null,@},)"
      R"({"id":1,"deps":[0],"shared_prefix_tokens":12,"prefix_of":0,"prompt_tokens":20,)"
      R"("output_tokens":1,"tool_delay_s":0,"stage":"a"})");
  assert_error(error, 1, "calls[1].shared_prefix_tokens", "ever held");
}

void an_unknown_call_of_a_known_external_workflow_is_refused(void**) {
  std::string text = std::string(kEarlierLine) + "\n" + kGoodLine;
  text.replace(text.find("[\"w0\",4]"), 8, "[\"w0\",5]");
  assert_error(error_of(text), 2, "prefix_of_ext", "unknown call of w0");
}

void absurd_numbers_are_refused(void**) {
  const char* fields = "calls[0].prompt_tokens";
  assert_error(error_of_call(R"("id":0,"deps":[],"prompt_tokens":-1)"), 1, fields, "must be 1");
  assert_error(error_of_call(R"("id":0,"deps":[],"prompt_tokens":0)"), 1, fields, "must be 1");
  assert_error(error_of_call(R"("id":0,"deps":[],"prompt_tokens":100000001)"), 1, fields, "must");
  assert_error(error_of_call(R"("id":0,"deps":[],"prompt_tokens":18446744073709551615)"), 1, fields,
               "must be 1");
  assert_error(error_of_call(R"("id":0,"deps":[],"prompt_tokens":1.5)"), 1, fields, "integer");
  assert_error(error_of_call(R"("id":-1,"deps":[])"), 1, "calls[0].id", "must be 0");
}

void negative_gaps_are_refused(void**) {
  const CaughtError error = error_of_call(
      R"("id":0,"deps":[],"prompt_tokens":5,"output_tokens":1,"shared_prefix_tokens":0,)"
      R"("prefix_of":null,"tool_delay_s":-2)");
  assert_error(error, 1, "calls[0].tool_delay_s", "0 to 1e9");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_good_line_keeps_its_fields),
      cmocka_unit_test(calls_are_renumbered_in_topological_order),
      cmocka_unit_test(an_external_prefix_is_linked_to_its_body_and_call),
      cmocka_unit_test(an_external_prefix_of_another_file_stays_unlinked),
      cmocka_unit_test(a_gzip_file_is_unpacked),
      cmocka_unit_test(a_cut_gzip_file_is_refused),
      cmocka_unit_test(a_missing_file_is_refused_by_name),
      cmocka_unit_test(an_empty_file_is_refused),
      cmocka_unit_test(a_line_that_is_not_json_is_refused_with_its_number),
      cmocka_unit_test(a_missing_key_is_named),
      cmocka_unit_test(a_workflow_without_calls_is_refused),
      cmocka_unit_test(a_workflow_id_used_twice_is_refused),
      cmocka_unit_test(a_call_id_used_twice_is_refused),
      cmocka_unit_test(an_unknown_dependency_is_refused),
      cmocka_unit_test(a_dependency_on_itself_is_refused),
      cmocka_unit_test(a_cycle_is_refused),
      cmocka_unit_test(an_unknown_prefix_source_is_refused),
      cmocka_unit_test(a_prefix_source_that_comes_later_is_refused),
      cmocka_unit_test(more_shared_than_prompt_is_refused),
      cmocka_unit_test(more_shared_than_the_source_held_is_refused),
      cmocka_unit_test(an_unknown_call_of_a_known_external_workflow_is_refused),
      cmocka_unit_test(absurd_numbers_are_refused),
      cmocka_unit_test(negative_gaps_are_refused),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
