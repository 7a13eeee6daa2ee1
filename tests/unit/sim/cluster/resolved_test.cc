// Tests of joining a cluster file with its profiles.
#include "sim/cluster/resolved.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "../caught_error.h"
#include "profile_folder.h"

// cmocka.h has no extern "C" of its own, and comes last: it makes macros of common words.
extern "C" {
#include <cmocka.h>
}

namespace {

using hexagent::sim::catch_input_error;
using hexagent::sim::CaughtError;
using hexagent::sim::load_profiles;
using hexagent::sim::measured_profile;
using hexagent::sim::parse_cluster;
using hexagent::sim::ProfileFolder;
using hexagent::sim::ProfileSet;
using hexagent::sim::resolve_cluster;
using hexagent::sim::ResolvedCluster;

constexpr const char* kCluster =
    "cluster c\n"
    "tensor_parallel m 1\n"
    "tensor_parallel twice 2\n"
    "tensor_parallel huge 1\n"
    "tensor_parallel none 1\n"
    "worker prefill G 2\n"
    "worker decode F 1\n"
    "nic_gbit_per_s F 200\n";

struct Flat {
  size_t groups = 0;
  bool first_measured = false;
  bool second_derived = false;
  double first_nic = 0.0;
  double second_nic = 0.0;
  int64_t context_max = 0;
  int64_t servable = 0;
  double truth_s = 0.0;
  int64_t beyond_table = 0;
};

Flat resolved() {
  const ProfileFolder folder;
  const ProfileSet profiles = load_profiles(folder.path());
  const ResolvedCluster cluster = resolve_cluster(parse_cluster(kCluster, "c"), profiles, "m");
  Flat flat;
  flat.groups = cluster.groups.size();
  flat.first_measured = !cluster.groups[0].fitted.derived;
  flat.second_derived = cluster.groups[1].fitted.derived;
  flat.first_nic = cluster.groups[0].nic_bytes_per_s;
  flat.second_nic = cluster.groups[1].nic_bytes_per_s;
  flat.context_max = cluster.model.max_context_tokens;
  flat.servable = cluster.servable_tokens_max();
  flat.truth_s = measured_profile(profiles, cluster.groups[0]).prefill_linear_s(128);
  const auto derived_truth = measured_profile(profiles, cluster.groups[1]);
  derived_truth.decode_linear_s(1);
  flat.beyond_table = derived_truth.counts().decode_linear.extrapolated;
  return flat;
}

void groups_carry_their_profile_and_nic(void**) {
  const Flat flat = resolved();
  assert_int_equal(flat.groups, 2);
  assert_true(flat.first_measured);
  assert_true(flat.second_derived);
  assert_true(flat.first_nic == 45e9);
  assert_true(flat.second_nic == 22.5e9);
  assert_int_equal(flat.context_max, 131072);
}

void the_side_with_less_kv_decides_what_can_be_served(void**) {
  // G prefills with 400,000 tokens as stated; F decodes with (68.5 GiB - 16e9) / 131072.
  assert_int_equal(resolved().servable, 400'000);
}

void truth_is_measured_where_it_can_be_and_fitted_elsewhere(void**) {
  const Flat flat = resolved();
  assert_true(flat.truth_s > 0.01299 && flat.truth_s < 0.01301);
  assert_int_equal(flat.beyond_table, 1);
}

CaughtError error_of(const char* text, const char* model) {
  const ProfileFolder folder;
  const ProfileSet profiles = load_profiles(folder.path());
  return catch_input_error([&] { resolve_cluster(parse_cluster(text, "c"), profiles, model); });
}

void a_model_without_parallelism_or_shape_is_refused(void**) {
  assert_non_null(std::strstr(error_of(kCluster, "other").message, "no line for model other"));
  assert_non_null(std::strstr(error_of(kCluster, "none").message, "not in models.csv"));
}

void an_unknown_gpu_is_refused(void**) {
  const CaughtError error = error_of("cluster c\ntensor_parallel m 1\nworker both X 1\n", "m");
  assert_non_null(std::strstr(error.message, "X is not in hardware.csv"));
}

void a_model_that_leaves_no_room_for_kv_is_refused(void**) {
  assert_non_null(std::strstr(error_of(kCluster, "huge").message, "leaves no room for KV on G"));
}

CaughtError error_of_table(const char* name, const char* from, const char* to) {
  const ProfileFolder folder;
  folder.replace(name, from, to);
  return catch_input_error([&folder] { load_profiles(folder.path()); });
}

void bad_table_rows_are_named_with_their_line(void**) {
  const CaughtError above = error_of_table("decode.csv", "128,1,11,1", "128,1,11,12");
  assert_int_equal(above.line, 2);
  assert_string_equal(above.field, "of_which_attention_ms");
  const CaughtError zero = error_of_table("prefill.csv", "13.5,0.5", "13.5,0");
  assert_non_null(std::strstr(zero.message, "above 0"));
  const CaughtError text = error_of_table("prefill.csv", "m,G,1,128", "m,G,one,128");
  assert_string_equal(text.field, "tensor_parallel");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(groups_carry_their_profile_and_nic),
      cmocka_unit_test(the_side_with_less_kv_decides_what_can_be_served),
      cmocka_unit_test(truth_is_measured_where_it_can_be_and_fitted_elsewhere),
      cmocka_unit_test(a_model_without_parallelism_or_shape_is_refused),
      cmocka_unit_test(an_unknown_gpu_is_refused),
      cmocka_unit_test(a_model_that_leaves_no_room_for_kv_is_refused),
      cmocka_unit_test(bad_table_rows_are_named_with_their_line),
  };
  return cmocka_run_group_tests(tests, nullptr, nullptr);
}
