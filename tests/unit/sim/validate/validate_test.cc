// Lone engines against times worked by hand, and the error report on a small table.
#include "sim/validate/validate.h"

#include <cmath>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "sim/input_error.h"
#include "sim/validate/lone_engine.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::sim;  // NOLINT: a test of the whole
namespace fs = std::filesystem;

// Whole milliseconds: a prefill pass takes 10 + tokens, an iteration 20 + batch; no attention.
class PlainTruth final : public TruthTimes {
 public:
  double prefill_linear_s(int64_t tokens) const override {
    return 1e-3 * (10.0 + static_cast<double>(tokens));
  }
  double prefill_attention_s(int64_t, int64_t) const override { return 0.0; }
  double decode_linear_s(int32_t batch) const override { return 1e-3 * (20.0 + batch); }
  double decode_attention_s(int32_t, int64_t) const override { return 0.0; }
};

void assert_near(double value, double wanted) {
  if (std::fabs(value - wanted) > 1e-6) fail_msg("%.9f is not %.9f", value, wanted);
}

void prompts_sent_together_share_a_pass(void**) {
  assert_near(lone_prefill_s(PlainTruth(), {100, 10, 3}), 0.310);
}

void a_batch_decodes_together(void**) {
  assert_near(lone_iteration_s(PlainTruth(), {100, 10, 4}), 0.024);
}

// One pass of 110 ms, then 10 iterations of 21 ms.
void a_batch_is_prefilled_then_decoded(void**) {
  assert_near(lone_batch_s(PlainTruth(), {100, 10, 1}), 0.320);
}

// The next request of a lone client meets an idle engine: the same pass, then one iteration.
void a_lone_client_waits_for_nobody(void**) {
  const LoneServing served = lone_serving(PlainTruth(), {100, 10, 1});
  assert_near(served.first_token_s, 0.131);
  assert_near(served.per_token_s, 0.021);
}

std::string folder_with_table() {
  const fs::path folder = fs::temp_directory_path() / "hexagent_validate_test";
  fs::create_directories(folder);
  std::ofstream file(folder / "e2e_batch_latency_h100.csv");
  file << "model,gpu,tensor_parallel,dtype,engine,prompt_tokens,output_tokens,batch,"
          "batch_latency_s,throughput_tok_s,source\n"
          "llama-3-8b,H100-80G,1,fp16,made,128,128,1,1.0,1,x\n"
          "llama-3-8b,H100-80G,1,fp16,made,128,128,1,2.0,1,x\n"
          "unknown,H100-80G,1,fp16,made,128,128,1,2.0,1,x\n";
  return folder.string();
}

void rows_without_kernel_times_are_left_out(void**) {
  const std::string folder = folder_with_table();
  const ProfileSet profiles = load_profiles(std::string(HEXAGENT_TEST_DATA) + "/profiles");
  const std::vector<EngineError> errors = validate_engines(folder, profiles);
  fs::remove_all(folder);
  assert_int_equal(errors.size(), 1);
  assert_int_equal(errors[0].rows, 2);
  assert_string_equal(errors[0].quantity.c_str(), "batch latency");
  // The same simulated time over 1 s and over 2 s: the median is the smaller of two.
  assert_true(errors[0].ratio_median > 0.1 && errors[0].ratio_median < 1.0);
  assert_true(errors[0].error_p90 >= errors[0].error_median);
}

void a_folder_without_tables_is_refused(void**) {
  bool refused = false;
  try {
    validate_engines(HEXAGENT_TEST_DATA,
                     load_profiles(std::string(HEXAGENT_TEST_DATA) + "/profiles"));
  } catch (const InputError&) {
    refused = true;
  }
  assert_true(refused);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(prompts_sent_together_share_a_pass),
      cmocka_unit_test(a_batch_decodes_together),
      cmocka_unit_test(a_batch_is_prefilled_then_decoded),
      cmocka_unit_test(a_lone_client_waits_for_nobody),
      cmocka_unit_test(rows_without_kernel_times_are_left_out),
      cmocka_unit_test(a_folder_without_tables_is_refused),
  };
  return cmocka_run_group_tests_name("validate", tests, nullptr, nullptr);
}
