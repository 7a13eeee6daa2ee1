// SharedRegion: seen by another process, refused when it is not what was told, gone with its users.
#include "transport/host/shared_region.h"

#include <sys/wait.h>
#include <unistd.h>

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "unit/descriptors.h"

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one class

constexpr size_t kBytes = 100'000;

std::unique_ptr<SharedRegion> make_region() {
  std::unique_ptr<SharedRegion> region;
  assert_int_equal(SharedRegion::create(kBytes, &region), HEXAGENT_OK);
  return region;
}

void two_mappings_are_one_memory(void**) {
  const std::unique_ptr<SharedRegion> region = make_region();
  std::unique_ptr<SharedRegion> other;
  assert_int_equal(SharedRegion::open(region->address(), kBytes, &other), HEXAGENT_OK);
  assert_true(region->memory() != other->memory());
  region->memory()[0] = 7;
  other->memory()[kBytes - 1] = 9;
  assert_int_equal(other->memory()[0], 7);
  assert_int_equal(region->memory()[kBytes - 1], 9);
}

void another_process_maps_it(void**) {
  const std::unique_ptr<SharedRegion> region = make_region();
  const RegionAddress address = region->address();
  const pid_t child = fork();
  if (child == 0) {
    std::unique_ptr<SharedRegion> mine;
    if (SharedRegion::open(address, kBytes, &mine) != HEXAGENT_OK) _exit(1);
    mine->memory()[5] = 55;
    _exit(0);
  }
  int status = 0;
  assert_true(waitpid(child, &status, 0) == child);
  assert_int_equal(status, 0);
  assert_int_equal(region->memory()[5], 55);
}

void what_is_not_the_region_told_is_refused(void**) {
  const std::unique_ptr<SharedRegion> region = make_region();
  const RegionAddress right = region->address();
  std::unique_ptr<SharedRegion> other;
  const auto refused = [&other](const RegionAddress& address, size_t bytes) {
    return SharedRegion::open(address, bytes, &other) == HEXAGENT_E_SYSTEM && other == nullptr;
  };
  assert_true(refused(right, kBytes + 1));
  RegionAddress wrong = right;
  wrong.cookie[1] ^= 1;
  assert_true(refused(wrong, kBytes));
  wrong = right;
  wrong.magic = 0;
  assert_true(refused(wrong, kBytes));
  wrong = right;
  wrong.descriptor = 0xfffff;
  assert_true(refused(wrong, kBytes));
  wrong = right;
  wrong.process = 0x7fffffff;
  assert_true(refused(wrong, kBytes));
  wrong = right;
  wrong.descriptor = 0;  // something that is no sealed memory
  assert_true(refused(wrong, kBytes));
}

void nothing_is_left_open(void**) {
  const uint32_t before = hexagent::test::descriptors_open();
  for (uint32_t i = 0; i < 20; ++i) {
    const std::unique_ptr<SharedRegion> region = make_region();
    std::unique_ptr<SharedRegion> other;
    assert_int_equal(SharedRegion::open(region->address(), kBytes, &other), HEXAGENT_OK);
    RegionAddress wrong = region->address();
    wrong.cookie[0] ^= 1;
    assert_int_equal(SharedRegion::open(wrong, kBytes, &other), HEXAGENT_E_SYSTEM);
  }
  assert_int_equal(hexagent::test::descriptors_open(), before);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(two_mappings_are_one_memory),
      cmocka_unit_test(another_process_maps_it),
      cmocka_unit_test(what_is_not_the_region_told_is_refused),
      cmocka_unit_test(nothing_is_left_open),
  };
  return cmocka_run_group_tests_name("shared region", tests, nullptr, nullptr);
}
