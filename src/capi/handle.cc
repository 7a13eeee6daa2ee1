// C ABI: opening and closing a scheduler, names and labels. See handle.h.
#include "capi/handle.h"

#include <unistd.h>

#include <cstring>
#include <memory>
#include <new>
#include <string_view>

#include "capi/flaw.h"
#include "capi/guard.h"

hexagent_scheduler::hexagent_scheduler(const hexagent::Settings& initial, int64_t opener)
    : settings(initial),
      names(static_cast<uint32_t>(initial.names_max)),
      labels(hexagent::kLabelsMax),
      intake(static_cast<uint64_t>(initial.intake_bytes)),
      core(initial),
      process(opener) {}

hexagent_status hexagent_scheduler::push(const hexagent::Input& input) {
  if (intake.try_push(input)) return HEXAGENT_OK;
  ++intake_rejected;
  return HEXAGENT_E_AGAIN;
}

namespace hexagent {

int64_t process_id() { return static_cast<int64_t>(getpid()); }

namespace {

// Before 1.0 each 0.x is an ABI of its own; patches are interchangeable.
bool is_same_abi(uint32_t header_version) {
  return header_version >> 8 == static_cast<uint32_t>(HEXAGENT_VERSION) >> 8;
}

Flaw open_scheduler(const hexagent_config* config, uint32_t header_version,
                    std::unique_ptr<hexagent_scheduler>* scheduler) {
  if (!is_same_abi(header_version)) return {HEXAGENT_E_VERSION};
  const Settings settings = config != nullptr ? config->settings : Settings{};
  *scheduler = std::make_unique<hexagent_scheduler>(settings, process_id());
  return {};
}

// The bytes of a string argument; HEXAGENT_E_ARGUMENT when there are none to read.
hexagent_status read_text(const char* text, uint32_t length, std::string_view* view) {
  if (text == nullptr) return HEXAGENT_E_ARGUMENT;
  *view = std::string_view(text, length);
  return HEXAGENT_OK;
}

hexagent_status copy_name(const NameTable& names, uint32_t name, char* buffer, uint32_t capacity) {
  if (buffer == nullptr && capacity > 0) return HEXAGENT_E_ARGUMENT;
  if (!names.known(name)) return HEXAGENT_E_NAME;
  const std::string_view text = names.text(name);
  if (text.size() >= capacity) return HEXAGENT_E_BUFFER;
  std::memcpy(buffer, text.data(), text.size());
  buffer[text.size()] = '\0';
  return HEXAGENT_OK;
}

}  // namespace
}  // namespace hexagent

extern "C" {

hexagent_scheduler* hexagent_open(const hexagent_config* config, uint32_t header_version,
                                  hexagent_error* error) noexcept {
  using hexagent::Flaw;
  if (!hexagent::is_usable(error)) return nullptr;
  std::unique_ptr<hexagent_scheduler> scheduler;
  Flaw flaw;
  const hexagent_status status = hexagent::guard_free([&] {
    flaw = hexagent::open_scheduler(config, header_version, &scheduler);
    return flaw.status;
  });
  hexagent::tell(Flaw{status}, error);
  return scheduler.release();
}

void hexagent_close(hexagent_scheduler* scheduler) noexcept { delete scheduler; }

int32_t hexagent_name(hexagent_scheduler* scheduler, const char* text, uint32_t length) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) -> int32_t {
    std::string_view view;
    const hexagent_status status = hexagent::read_text(text, length, &view);
    return status != HEXAGENT_OK ? status : self.names.intern(view);
  });
}

int32_t hexagent_label(hexagent_scheduler* scheduler, const char* text, uint32_t length) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) -> int32_t {
    std::string_view view;
    const hexagent_status status = hexagent::read_text(text, length, &view);
    if (status != HEXAGENT_OK) return status;
    const int32_t id = self.labels.intern(view);
    return id > 0 ? id - 1 : id;
  });
}

hexagent_status hexagent_name_text(hexagent_scheduler* scheduler, uint32_t name, char* buffer,
                                   uint32_t capacity) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::copy_name(self.names, name, buffer, capacity);
  });
}

}  // extern "C"
