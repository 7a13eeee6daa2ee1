// Any text as keys and values of a configuration: an answer with a readable detail, and what was
// taken opens. Input: lines "key=value"; a line may hold any byte but the line feed.
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <string_view>

#include "capi/handle.h"
#include "hexagent/hexagent.h"

namespace {

void check(bool good) {
  if (!good) std::abort();
}

// A failure says what it is about, a success says nothing; the text always ends.
void check_error(const hexagent_error& error, hexagent_status status) {
  check(error.status == status);
  check(std::memchr(error.text, '\0', sizeof(error.text)) != nullptr);
  check((error.text[0] == '\0') == (status == HEXAGENT_OK));
  if (status != HEXAGENT_OK) check(error.field != HEXAGENT_FIELD_NONE);
}

void set_line(hexagent_config* config, std::string_view line) {
  const size_t split = std::min(line.find('='), line.size());
  const std::string key(line.substr(0, split));
  const std::string value(line.substr(std::min(split + 1, line.size())));
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  const hexagent_config before = *config;
  const hexagent_status status = hexagent_config_set(config, key.c_str(), value.c_str(), &error);
  check(status == HEXAGENT_OK || status == HEXAGENT_E_KEY || status == HEXAGENT_E_RANGE);
  check_error(error, status);
  if (status == HEXAGENT_OK) return;
  check(std::memcmp(&before.settings, &config->settings, sizeof(before.settings)) == 0);
  check(before.driving == config->driving);
}

// Any limits are right, but a fuzzer should not take gigabytes.
void bound(hexagent::Settings* settings) {
  settings->workflows_max = std::min(settings->workflows_max, 64.0);
  settings->calls_max = std::min(settings->calls_max, 128.0);
  settings->workers_max = std::min(settings->workers_max, 8.0);
  settings->names_max = std::min(settings->names_max, 64.0);
  settings->groups_max = std::min(settings->groups_max, 16.0);
  settings->decisions_max = std::min(settings->decisions_max, 1024.0);
  settings->intake_bytes = std::min(settings->intake_bytes, 65536.0);
}

// Where a journal and a rescue file go: never to the paths of the input.
std::filesystem::path scratch_folder() {
  return std::filesystem::temp_directory_path() / ("config_fuzz_" + std::to_string(getpid()));
}

void bound_paths(hexagent_config* config) {
  if (!config->journal_path.empty()) config->journal_path = scratch_folder();
  if (!config->rescue_prefix.empty()) config->rescue_prefix = scratch_folder() / "rescue";
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 4096) return -1;
  hexagent_config* config = hexagent_config_create();
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const size_t end = std::min(rest.find('\n'), rest.size());
    set_line(config, rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  if (size % 4 != 0) {  // opening is slow: some inputs do, most are about what is taken
    hexagent_config_free(config);
    return 0;
  }
  bound(&config->settings);
  bound_paths(config);
  hexagent_error error = {};
  error.struct_size = sizeof(error);
  hexagent_scheduler* scheduler = hexagent_open(config, HEXAGENT_VERSION, &error);
  check(scheduler != nullptr && error.text[0] == '\0');
  if (config->driving == hexagent::Driving::kManual) check(hexagent_step(scheduler, 1) == 0);
  const bool has_journal = !config->journal_path.empty();
  hexagent_config_free(config);
  hexagent_close(scheduler);
  if (has_journal) std::filesystem::remove_all(scratch_folder());
  return 0;
}
