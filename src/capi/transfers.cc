// The controller of KV transfers as part of a handle: see transfers.h.
#include "capi/transfers.h"

#include "capi/flaw.h"
#include "capi/record_input.h"
#include "capi/shape.h"
#include "control/address.h"
#include "control/handshake.h"
#include "controller/scheduler_adapter.h"

namespace hexagent {
namespace {

constexpr size_t kSecretMax = 256;  // bytes

}  // namespace

bool is_transfer_address(std::string_view value) {
  control::Address address;
  return value.empty() || control::parse_address(value, &address);
}

// Without a zero inside, since endpoints get it as a C string.
bool is_transfer_secret(std::string_view value) {
  return value.empty() || (value.size() >= control::kSecretMin && value.size() <= kSecretMax &&
                           value.find('\0') == std::string_view::npos);
}

hexagent_status check_transfers(const hexagent_config& config, std::string* trouble) {
  if (config.transfer_address.empty()) return HEXAGENT_OK;
  if (config.transfer_secret.empty()) {
    *trouble = "transfer_address needs transfer_secret";
    return HEXAGENT_E_KEY;
  }
  if (config.driving != Driving::kThread) {
    *trouble = "transfer_address needs driving = thread";
    return HEXAGENT_E_KEY;
  }
  return HEXAGENT_OK;
}

std::unique_ptr<LoopExtension> make_transfers(hexagent_scheduler* scheduler) {
  if (scheduler->config.transfer_address.empty()) return nullptr;
  controller::ControllerSettings settings;
  control::parse_address(scheduler->config.transfer_address, &settings.address);
  settings.secret = scheduler->config.transfer_secret;
  settings.answer_ns = scheduler->config.transfer_answer_ns;
  const auto report = [scheduler](const hexagent_report& about) {
    Input input = {InputKind::kReport};
    input.record = &about;
    input.record_size = sizeof(about);
    input.user_data = about.user_data;
    return scheduler->push(input);
  };
  const auto measure = [scheduler](const hexagent_link_sample& sample) {
    const Flaw flaw = check_link_sample(sample);
    if (flaw.status != HEXAGENT_OK) {
      scheduler->log.link_refused(hexagent_now(), sample.source_worker, sample.target_worker,
                                  flaw.member == nullptr ? "" : flaw.member);
      return flaw.status;
    }
    Input input = record_input(InputKind::kLinkMeasured, sample, sample.user_data);
    input.worker = sample.source_worker;
    return scheduler->push(input);
  };
  return std::make_unique<controller::SchedulerAdapter>(settings, report, measure);
}

}  // namespace hexagent
