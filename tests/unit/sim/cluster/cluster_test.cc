// Tests of the cluster file: defaults, every key, each kind of bad line.
#include "sim/cluster/cluster.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
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
using hexagent::sim::change_cluster;
using hexagent::sim::ClusterFile;
using hexagent::sim::DecodeBinding;
using hexagent::sim::describe_cluster;
using hexagent::sim::draw_factor;
using hexagent::sim::parse_cluster;
using hexagent::sim::Random;

constexpr const char* kSmall =
    "cluster small\n"
    "tensor_parallel m 2\n"
    "worker both G 3\n";

constexpr const char* kFull =
    "# a comment\n"
    "cluster full   # and another\n"
    "profiles ../../p\n"
    "tensor_parallel m 4\n"
    "tensor_parallel n 1\n"
    "worker prefill A 2\n"
    "worker decode\tB 3\n"
    "nic_gbit_per_s 100\n"
    "nic_gbit_per_s A 200\n"
    "nic_efficiency 0.5\n"
    "link_latency_us 40\n"
    "chunk_tokens 512\n"
    "batch_tokens 1024\n"
    "decode_batch_max 64\n"
    "kv_share 0.25\n"
    "block_tokens 32\n"
    "iteration_jitter 0\n"
    "worker_factor prefill 0.5 2\n"
    "worker_factor decode 0.9 1.1\n"
    "decode_binding prefill_end\n"
    "dispatch_round_trip_ms 5\n"
    "delta_transfer off\n"
    "transfer layerwise\n"
    "transfer A after_prefill\n";

// What was read, flattened for assertions.
struct Flat {
  bool names_fit = false;
  size_t groups = 0;
  int32_t decode_count = 0;
  double nic_a = 0.0;
  double nic_b = 0.0;
  double latency_s = 0.0;
  int64_t chunk_tokens = 0;
  int64_t batch_tokens = 0;
  int32_t decode_batch_max = 0;
  int64_t block_tokens = 0;
  double jitter = 0.0;
  double prefill_low = 0.0;
  double decode_high = 0.0;
  bool binds_at_end = false;
  double round_trip_ms = 0.0;
  bool delta = false;
  bool layerwise_a = false;
  bool layerwise_b = false;
  double kv_share = 0.0;
  bool round_trips = false;
};

Flat flatten(const char* text) {
  const ClusterFile file = parse_cluster(text, "dir/c.txt");
  Flat flat;
  flat.names_fit = file.profiles_path() == "dir/" + file.profiles_folder && !file.name.empty();
  flat.groups = file.workers.size();
  flat.decode_count = file.workers.back().count;
  flat.nic_a = file.nic_bytes_per_s("A");
  flat.nic_b = file.nic_bytes_per_s("B");
  flat.latency_s = file.link_latency_s();
  flat.chunk_tokens = file.chunk_tokens;
  flat.batch_tokens = file.batch_tokens;
  flat.decode_batch_max = file.decode_batch_max;
  flat.block_tokens = file.block_tokens;
  flat.jitter = file.iteration_jitter;
  flat.prefill_low = file.prefill_factor.low;
  flat.decode_high = file.decode_factor.high;
  flat.binds_at_end = file.decode_binding == DecodeBinding::kPrefillEnd;
  flat.round_trip_ms = file.dispatch_round_trip_ms;
  flat.delta = file.delta_transfer;
  flat.layerwise_a = file.is_layerwise("A");
  flat.layerwise_b = file.is_layerwise("B");
  flat.kv_share = file.kv_share;
  const std::string described = describe_cluster(file);
  flat.round_trips = describe_cluster(parse_cluster(described, "dir/c.txt")) == described;
  return flat;
}

void missing_keys_take_their_defaults(void**) {
  const Flat flat = flatten(kSmall);
  assert_true(flat.names_fit);
  assert_int_equal(flat.groups, 1);
  assert_true(flat.nic_a == 45e9);
  assert_true(std::abs(flat.latency_s - 20e-6) < 1e-15);
  assert_int_equal(flat.chunk_tokens, 2048);
  assert_int_equal(flat.batch_tokens, 8192);
  assert_int_equal(flat.decode_batch_max, 256);
  assert_int_equal(flat.block_tokens, 16);
  assert_true(flat.jitter == 0.05);
  assert_true(flat.prefill_low == 0.83);
  assert_true(flat.decode_high == 1.13);
  assert_false(flat.binds_at_end);
  assert_true(flat.round_trip_ms == 1.0);
  assert_true(flat.delta);
  assert_false(flat.layerwise_a);
  assert_false(flat.layerwise_b);
  assert_true(flat.kv_share == 1.0);
}

void every_key_is_read(void**) {
  const Flat flat = flatten(kFull);
  assert_true(flat.names_fit);
  assert_int_equal(flat.groups, 2);
  assert_int_equal(flat.decode_count, 3);
  assert_true(flat.nic_a == 12.5e9);
  assert_true(flat.nic_b == 6.25e9);
  assert_true(std::abs(flat.latency_s - 40e-6) < 1e-15);
  assert_int_equal(flat.chunk_tokens, 512);
  assert_int_equal(flat.batch_tokens, 1024);
  assert_int_equal(flat.decode_batch_max, 64);
  assert_int_equal(flat.block_tokens, 32);
  assert_true(flat.jitter == 0.0);
  assert_true(flat.prefill_low == 0.5);
  assert_true(flat.decode_high == 1.1);
  assert_true(flat.binds_at_end);
  assert_true(flat.round_trip_ms == 5.0);
  assert_false(flat.delta);
  assert_false(flat.layerwise_a);
  assert_true(flat.layerwise_b);  // which only decodes: it may be bound at the end
  assert_true(flat.kv_share == 0.25);
}

void a_description_reads_back_as_itself(void**) {
  assert_true(flatten(kSmall).round_trips);
  assert_true(flatten(kFull).round_trips);
}

// The error of the small file with `line` as its fourth.
CaughtError error_of(const char* line) {
  const std::string text = std::string(kSmall) + line + "\n";
  return catch_input_error([&text] { parse_cluster(text, "c.txt"); });
}

void assert_error(const CaughtError& error, const char* field, const char* message) {
  assert_true(error.thrown);
  assert_int_equal(error.line, 4);
  assert_string_equal(error.field, field);
  assert_non_null(std::strstr(error.message, message));
}

void an_unknown_key_is_named_with_its_line(void**) {
  assert_error(error_of("nic_gbits 4"), "nic_gbits", "is not a key");
  assert_string_equal(error_of("x").what, "c.txt:4: x: is not a key of a cluster file");
}

void a_key_given_twice_is_refused(void**) {
  assert_error(error_of("cluster again"), "cluster", "given twice");
  assert_error(error_of("tensor_parallel m 4"), "tensor_parallel", "twice for m");
}

void wrong_values_are_refused(void**) {
  assert_error(error_of("chunk_tokens"), "chunk_tokens", "has 0 values, needs 1");
  assert_error(error_of("chunk_tokens 1 2"), "chunk_tokens", "has 2 values, needs 1");
  assert_error(error_of("chunk_tokens 1.5"), "chunk_tokens", "not an integer");
  assert_error(error_of("chunk_tokens 0"), "chunk_tokens", "out of range");
  assert_error(error_of("nic_efficiency 1.5"), "nic_efficiency", "out of range");
  assert_error(error_of("nic_gbit_per_s nan"), "nic_gbit_per_s", "not a number");
  assert_error(error_of("worker main G 1"), "worker", "role is not");
  assert_error(error_of("worker decode G 0"), "worker", "out of range");
  assert_error(error_of("worker_factor decode 2 1"), "worker_factor", "above the upper");
  assert_error(error_of("decode_binding late"), "decode_binding", "is not prefill_start");
  assert_error(error_of("delta_transfer yes"), "delta_transfer", "is not on or off");
  assert_error(error_of("transfer early"), "transfer", "is not after_prefill or layerwise");
  assert_error(error_of("transfer G early"), "transfer", "is not after_prefill or layerwise");
  assert_error(error_of("transfer"), "transfer", "has 0 values, needs 1 or 2");
}

CaughtError error_of_whole(const char* text) {
  return catch_input_error([text] { parse_cluster(text, "c.txt"); });
}

void a_file_that_lacks_a_part_is_refused(void**) {
  assert_string_equal(error_of_whole("tensor_parallel m 1\nworker both G 1").field, "cluster");
  assert_string_equal(error_of_whole("cluster c\nworker both G 1").field, "tensor_parallel");
  const CaughtError no_decode =
      error_of_whole("cluster c\ntensor_parallel m 1\nworker prefill G 1");
  assert_non_null(std::strstr(no_decode.message, "no worker can decode"));
  const CaughtError no_prefill =
      error_of_whole("cluster c\ntensor_parallel m 1\nworker decode G 1");
  assert_non_null(std::strstr(no_prefill.message, "no worker can prefill"));
}

CaughtError error_after_small(const char* lines) {
  const std::string text = std::string(kSmall) + lines;
  return catch_input_error([&text] { parse_cluster(text, "c.txt"); });
}

// The later of the two lines is named, whichever it is.
void layers_cannot_be_sent_to_nobody_knows_whom(void**) {
  for (const char* lines : {"transfer layerwise\ndecode_binding prefill_end\n",
                            "decode_binding prefill_end\ntransfer layerwise\n",
                            "decode_binding prefill_end\ntransfer G layerwise\n"}) {
    const CaughtError error = error_after_small(lines);
    assert_true(error.thrown);
    assert_int_equal(error.line, 5);
    assert_string_equal(error.field, "transfer");
    assert_non_null(std::strstr(error.message, "needs decode_binding prefill_start"));
  }
}

CaughtError error_of_layers_by_line() {
  ClusterFile file = parse_cluster(kFull, "c.txt");
  return catch_input_error([&] { change_cluster(file, {"transfer A layerwise"}, "cell"); });
}

CaughtError error_of_layers_by_option() {
  ClusterFile file = parse_cluster(std::string(kSmall) + "transfer layerwise\n", "c.txt");
  file.decode_binding = DecodeBinding::kPrefillEnd;
  return catch_input_error([&] { change_cluster(file, {}, "cell"); });
}

void a_change_cannot_bring_the_two_together(void**) {
  assert_string_equal(error_of_layers_by_line().what,
                      "cell:1: transfer: layerwise needs decode_binding prefill_start");
  assert_string_equal(error_of_layers_by_option().what,
                      "c.txt: transfer: layerwise needs decode_binding prefill_start");
}

struct Changed {
  bool only_new_workers = false;
  double nic_a = 0.0;
  double nic_b = 0.0;
  size_t models = 0;
};

Changed changed() {
  ClusterFile file = parse_cluster(kFull, "c.txt");
  change_cluster(
      file,
      {"worker prefill C 4", "worker decode D 1", "nic_gbit_per_s 25", "nic_gbit_per_s A 10",
       "tensor_parallel m 8", "kv_share 0.5", "transfer after_prefill"},
      "cell");
  Changed result;
  result.only_new_workers = file.workers.size() == 2 && file.workers[0].gpu == "C";
  result.nic_a = file.nic_bytes_per_s("A");
  result.nic_b = file.nic_bytes_per_s("B");
  result.models = file.tensor_parallel.size();
  return result;
}

void lines_replace_what_a_file_says(void**) {
  const Changed result = changed();
  assert_true(result.only_new_workers);
  assert_true(result.nic_a == 0.625e9);
  assert_true(result.nic_b == 1.5625e9);
  assert_int_equal(result.models, 2);
}

CaughtError error_of_change(const char* line) {
  ClusterFile file = parse_cluster(kFull, "c.txt");
  return catch_input_error([&] { change_cluster(file, {"kv_share 1", line}, "cell"); });
}

void a_wrong_line_of_a_change_is_named(void**) {
  assert_string_equal(error_of_change("nics 4").what,
                      "cell:2: nics: is not a key of a cluster file");
  assert_string_equal(error_of_change(" # ").what, "cell:2: line: is empty");
  assert_non_null(std::strstr(error_of_change("worker decode D 1").message, "no worker can pref"));
  assert_non_null(std::strstr(error_of_change("kv_share 1").message, "given twice"));
}

struct Factors {
  double low = 1e9;
  double high = 0.0;
  double log_mean = 0.0;
};

Factors many_factors() {
  Random random(1);
  Factors factors;
  for (int i = 0; i < 50'000; ++i) {
    const double factor = draw_factor({0.5, 2.0}, random);
    factors.low = std::fmin(factors.low, factor);
    factors.high = std::fmax(factors.high, factor);
    factors.log_mean += std::log(factor) / 50'000;
  }
  return factors;
}

void worker_factors_are_even_in_the_logarithm(void**) {
  const Factors factors = many_factors();
  assert_true(factors.low >= 0.5);
  assert_true(factors.high <= 2.0);
  assert_true(std::abs(factors.log_mean) < 0.01);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(missing_keys_take_their_defaults),
      cmocka_unit_test(every_key_is_read),
      cmocka_unit_test(a_description_reads_back_as_itself),
      cmocka_unit_test(an_unknown_key_is_named_with_its_line),
      cmocka_unit_test(a_key_given_twice_is_refused),
      cmocka_unit_test(wrong_values_are_refused),
      cmocka_unit_test(a_file_that_lacks_a_part_is_refused),
      cmocka_unit_test(layers_cannot_be_sent_to_nobody_knows_whom),
      cmocka_unit_test(a_change_cannot_bring_the_two_together),
      cmocka_unit_test(lines_replace_what_a_file_says),
      cmocka_unit_test(a_wrong_line_of_a_change_is_named),
      cmocka_unit_test(worker_factors_are_even_in_the_logarithm),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
