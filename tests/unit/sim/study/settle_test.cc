// Settling rivals: on tuning seeds, for each quantile, the strongest of a group that is marked so.
#include "sim/study/settle.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "made_run.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::sim;  // NOLINT: a test of the whole
namespace fs = std::filesystem;

struct Scene {
  Suite suite;
  SuiteCell cell;
  std::string folder = (fs::temp_directory_path() / "hexagent_settle_test").string();
};

Scene* make_scene() {
  auto* scene = new Scene;
  scene->suite.subject = "default";
  scene->suite.groups = {{"tuned", "", {"a", "b", "c"}, true}, {"all", "", {"d", "e"}, false}};
  scene->cell.name = "cell";
  scene->cell.groups = {"tuned", "all"};
  scene->cell.tuning_seeds = {1, 2};
  fs::remove_all(scene->folder);
  return scene;
}

int setup(void** state) {
  *state = make_scene();
  return 0;
}

int teardown(void** state) {
  auto* scene = static_cast<Scene*>(*state);
  fs::remove_all(scene->folder);
  delete scene;
  return 0;
}

// 20 workflows: Req95 is the 19th, Req99 the 20th.
void save(const Scene& scene, const std::string& policy, double req95, double req99) {
  std::vector<double> stretches(18, 1.0);
  stretches.insert(stretches.end(), {req95, req99});
  const UnitStore store(scene.folder);
  for (const uint64_t seed : scene.cell.tuning_seeds) {
    store.save({"cell", policy, seed}, made_run(policy, seed, stretches));
  }
}

std::string settled_policies(const Scene& scene) {
  const auto settled = settle(scene.suite, scene.cell, UnitStore(scene.folder));
  if (!settled) return "nothing";
  std::string text;
  for (const PolicyGroup& group : settled->groups) {
    for (const std::string& policy : group.policies) text += policy;
    text += ";";
  }
  return text;
}

void the_strongest_of_each_quantile_stay(void** state) {
  const Scene& scene = *static_cast<Scene*>(*state);
  save(scene, "a", 2.0, 9.0);
  save(scene, "b", 3.0, 3.5);
  save(scene, "c", 4.0, 4.0);
  assert_string_equal(settled_policies(scene).c_str(), "ab;de;");
}

void one_that_is_strongest_in_both_stays_alone(void** state) {
  const Scene& scene = *static_cast<Scene*>(*state);
  for (const char* policy : {"a", "b", "c"}) save(scene, policy, 2.0, 3.0);
  assert_string_equal(settled_policies(scene).c_str(), "a;de;");
}

void nothing_is_settled_before_all_tuning_runs_are_there(void** state) {
  const Scene& scene = *static_cast<Scene*>(*state);
  save(scene, "a", 2.0, 3.0);
  save(scene, "b", 2.0, 3.0);
  assert_string_equal(settled_policies(scene).c_str(), "nothing");
}

void a_cell_without_the_group_needs_no_tuning(void** state) {
  Scene& scene = *static_cast<Scene*>(*state);
  scene.cell.groups = {"all"};
  assert_string_equal(settled_policies(scene).c_str(), "abc;de;");
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(the_strongest_of_each_quantile_stay, setup, teardown),
      cmocka_unit_test_setup_teardown(one_that_is_strongest_in_both_stays_alone, setup, teardown),
      cmocka_unit_test_setup_teardown(nothing_is_settled_before_all_tuning_runs_are_there, setup,
                                      teardown),
      cmocka_unit_test_setup_teardown(a_cell_without_the_group_needs_no_tuning, setup, teardown),
  };
  return cmocka_run_group_tests_name("settle", tests, nullptr, nullptr);
}
