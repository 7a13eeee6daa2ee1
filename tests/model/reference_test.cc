// Random commands against a slow, obvious model of the DAG and the ledger.
//
// The model knows ids, dependencies and which calls are open, done or dead; from that it predicts
// every verdict on a submit and checks every decision: no call runs before its parents, none on a
// worker that is gone, each ends exactly once, each workflow is told done exactly once, and at the
// end every KV reservation has been given back. Where workers have endpoints it also knows which
// ends of which transfers have not quiesced: their KV is held, nobody else's, and QUIESCED is
// answered accordingly; a failed transfer is followed by another from the same worker, by the same
// prefill, or by nothing. The scheduler's own audit runs after every command.
// A failure prints seed and command, which reproduce it.
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <string>

#include "model/harness.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using hexagent::test::Harness;

bool survives(const char* policy) {
  for (uint64_t seed = 1; seed <= 100; ++seed) {
    Harness harness(seed, policy);
    const std::string broken = harness.run();
    if (broken.empty()) continue;
    print_error("policy %s, seed %llu, %s\n", policy, static_cast<unsigned long long>(seed),
                broken.c_str());
    return false;
  }
  return true;
}

void default_agrees_with_the_model(void**) { assert_true(survives("default")); }
void hexagent_agrees_with_the_model(void**) { assert_true(survives("hexagent")); }
void fcfs_agrees_with_the_model(void**) { assert_true(survives("fcfs")); }
void llf_agrees_with_the_model(void**) { assert_true(survives("llf-scaled")); }

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(default_agrees_with_the_model),
      cmocka_unit_test(hexagent_agrees_with_the_model),
      cmocka_unit_test(fcfs_agrees_with_the_model),
      cmocka_unit_test(llf_agrees_with_the_model),
  };
  return cmocka_run_group_tests_name("reference model", tests, nullptr, nullptr);
}
