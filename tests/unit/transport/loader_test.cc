// Loading plugins: a good one, and each kind of bad one with the status that tells it apart.
#include "transport/loader.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

extern "C" {
#include <cmocka.h>  // has no extern "C" of its own
}

namespace {

using namespace hexagent::transport;  // NOLINT: a test of one function

std::string plugin(const char* name) {
  return std::string(HEXAGENT_TEST_PLUGINS) + "/transport_" + name + ".so";
}

void expect(const char* name, hexagent_status status) {
  const std::string path = plugin(name);
  const LoadedTransport loaded = load_plugin(path.c_str());
  assert_int_equal(loaded.status, status);
  assert_true(std::strstr(loaded.text, name) != nullptr || status == HEXAGENT_OK);
  const LoadedTransport instead = load_transport(path.c_str());
  assert_int_equal(instead.status, status);
  assert_int_equal(instead.built_in, status != HEXAGENT_OK);
  assert_string_equal(instead.ops.name, status == HEXAGENT_OK ? "test" : "host-memory");
  assert_true(instead.ops.submit != nullptr);
}

void a_plugin_is_loaded(void**) { expect("good", HEXAGENT_OK); }

void a_plugin_without_its_device_says_so(void**) { expect("without_device", HEXAGENT_E_NO_DEVICE); }

void another_abi_is_refused(void**) { expect("of_another_major", HEXAGENT_E_VERSION); }

void a_library_of_another_kind_is_refused(void**) { expect("without_query", HEXAGENT_E_VERSION); }

void half_a_table_is_refused(void**) {
  expect("too_short", HEXAGENT_E_STRUCT_SIZE);
  expect("lacks_a_function", HEXAGENT_E_ARGUMENT);
}

void a_missing_plugin_gives_host_memory(void**) { expect("missing", HEXAGENT_E_IO); }

void no_path_means_host_memory(void**) {
  const LoadedTransport loaded = load_transport(nullptr);
  assert_int_equal(loaded.status, HEXAGENT_OK);
  assert_true(loaded.built_in);
  assert_int_equal(loaded.text[0], 0);
  assert_true((loaded.ops.capabilities & HEXAGENT_CAN_QUIESCE) != 0);
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(a_plugin_is_loaded),
      cmocka_unit_test(a_plugin_without_its_device_says_so),
      cmocka_unit_test(another_abi_is_refused),
      cmocka_unit_test(a_library_of_another_kind_is_refused),
      cmocka_unit_test(half_a_table_is_refused),
      cmocka_unit_test(a_missing_plugin_gives_host_memory),
      cmocka_unit_test(no_path_means_host_memory),
  };
  return cmocka_run_group_tests_name("loader of transports", tests, nullptr, nullptr);
}
