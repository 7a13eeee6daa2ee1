/* Profiles that ship with the library and profiles that are derived. */
#include <math.h>

#include "fixture.h"

static hexagent_profile sized_profile(void) {
  hexagent_profile profile;
  memset(&profile, 0, sizeof(profile));
  profile.struct_size = sizeof(profile);
  return profile;
}

static void a_builtin_profile_carries_name_ids_of_the_scheduler(void** state) {
  const fixture* self = *state;
  hexagent_profile profile = sized_profile();
  assert_int_equal(
      hexagent_profile_builtin(self->scheduler, "H100-80G", "llama-3.1-70b", 4, &profile),
      HEXAGENT_OK);
  assert_int_equal(profile.gpu, intern(self->scheduler, "H100-80G"));
  assert_int_equal(profile.model, intern(self->scheduler, "llama-3.1-70b"));
  assert_int_equal(profile.tensor_parallel, 4);
  assert_int_equal(profile.derived, 0);
  assert_true(profile.prefill_per_token_s > 0.0 && profile.decode_fixed_s > 0.0);
  assert_true(profile.kv_capacity_tokens > 0 && profile.kv_bytes_per_token > 0);
  assert_int_equal(hexagent_profile_set(self->scheduler, &profile, 1, NULL), HEXAGENT_OK);
}

static void an_unknown_profile_is_told_and_changes_nothing(void** state) {
  const fixture* self = *state;
  hexagent_profile profile = sized_profile();
  hexagent_scheduler* scheduler = self->scheduler;
  assert_int_equal(hexagent_profile_builtin(scheduler, "H100-80G", "llama-3.1-70b", 3, &profile),
                   HEXAGENT_E_UNKNOWN_PROFILE);
  assert_int_equal(hexagent_profile_builtin(scheduler, "no-gpu", "llama-3.1-70b", 4, &profile),
                   HEXAGENT_E_UNKNOWN_PROFILE);
  assert_int_equal(hexagent_profile_builtin(scheduler, "", "", 0, &profile),
                   HEXAGENT_E_UNKNOWN_PROFILE);
  assert_int_equal(profile.gpu, 0);
  assert_int_equal(intern(scheduler, "next"), self->word + 1); /* no name was taken by the way */
}

static void builtin_needs_its_arguments(void** state) {
  const fixture* self = *state;
  hexagent_profile profile = sized_profile();
  hexagent_scheduler* scheduler = self->scheduler;
  assert_int_equal(hexagent_profile_builtin(scheduler, NULL, "llama-3.1-70b", 4, &profile),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_profile_builtin(scheduler, "H100-80G", NULL, 4, &profile),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_profile_builtin(scheduler, "H100-80G", "llama-3.1-70b", 4, NULL),
                   HEXAGENT_E_ARGUMENT);
  assert_int_equal(hexagent_profile_builtin(NULL, "H100-80G", "llama-3.1-70b", 4, &profile),
                   HEXAGENT_E_ARGUMENT);
}

static void a_derived_profile_is_marked_and_can_be_registered(void** state) {
  const fixture* self = *state;
  hexagent_gpu gpu = good_gpu();
  hexagent_model model = derivable_model();
  gpu.gpu = self->gpu;
  model.model = self->model;
  hexagent_profile profile = sized_profile();
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_profile_derive(&gpu, &model, 1, &profile, &error), HEXAGENT_OK);
  assert_string_equal(error.text, "");
  assert_int_equal(profile.derived, 1);
  assert_int_equal(profile.gpu, self->gpu);
  assert_int_equal(profile.model, self->model);
  assert_int_equal(hexagent_profile_set(self->scheduler, &profile, 1, &error), HEXAGENT_OK);
}

/* The status of a derivation that goes wrong; the field and a text must be told. */
static hexagent_status derive_error(const hexagent_gpu* gpu, const hexagent_model* model,
                                    uint32_t tensor_parallel, uint32_t field) {
  hexagent_profile profile = sized_profile();
  hexagent_error error = empty_error();
  const hexagent_status status =
      hexagent_profile_derive(gpu, model, tensor_parallel, &profile, &error);
  assert_int_equal(error.status, status);
  assert_int_equal(error.field, field);
  assert_true(strlen(error.text) > 0);
  assert_int_equal(profile.derived, 0);
  return status;
}

static void a_profile_is_not_derived_from_nonsense(void** state) {
  (void)state;
  const hexagent_model model = derivable_model();
  const hexagent_gpu gpu = good_gpu();
  hexagent_gpu bad_gpu = good_gpu();
  bad_gpu.peak_flops_per_s = (double)NAN;
  assert_int_equal(derive_error(&bad_gpu, &model, 1, HEXAGENT_FIELD_GPU), HEXAGENT_E_RANGE);
  bad_gpu = good_gpu();
  bad_gpu.gemm_share_of_peak = 1.5;
  assert_int_equal(derive_error(&bad_gpu, &model, 1, HEXAGENT_FIELD_GPU), HEXAGENT_E_RANGE);
  hexagent_model bad_model = derivable_model();
  bad_model.weight_bytes = -1.0;
  assert_int_equal(derive_error(&gpu, &bad_model, 1, HEXAGENT_FIELD_MODEL), HEXAGENT_E_RANGE);
  bad_model = derivable_model();
  bad_model.reserved = 1;
  assert_int_equal(derive_error(&gpu, &bad_model, 1, HEXAGENT_FIELD_RESERVED), HEXAGENT_E_RESERVED);
  assert_int_equal(derive_error(&gpu, &model, 0, HEXAGENT_FIELD_TENSOR_PARALLEL), HEXAGENT_E_RANGE);
  assert_int_equal(derive_error(&gpu, &model, 65, HEXAGENT_FIELD_TENSOR_PARALLEL),
                   HEXAGENT_E_RANGE);
}

static void a_model_too_large_for_the_gpu_never_fits(void** state) {
  (void)state;
  const hexagent_gpu gpu = good_gpu();
  hexagent_model model = derivable_model();
  model.parameters = 400e9;
  model.weight_bytes = 800e9;
  hexagent_profile profile = sized_profile();
  hexagent_error error = empty_error();
  assert_int_equal(hexagent_profile_derive(&gpu, &model, 1, &profile, &error),
                   HEXAGENT_E_NEVER_FITS);
  assert_int_equal(error.status, HEXAGENT_E_NEVER_FITS);
  assert_true(strlen(error.text) > 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(a_builtin_profile_carries_name_ids_of_the_scheduler),
      TEST(an_unknown_profile_is_told_and_changes_nothing),
      TEST(builtin_needs_its_arguments),
      TEST(a_derived_profile_is_marked_and_can_be_registered),
      TEST(a_profile_is_not_derived_from_nonsense),
      TEST(a_model_too_large_for_the_gpu_never_fits),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
