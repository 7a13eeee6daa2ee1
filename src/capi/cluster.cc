// C ABI: workers, heartbeats and links.
#include <vector>

#include "capi/flaw.h"
#include "capi/guard.h"
#include "capi/record_input.h"
#include "capi/shape.h"

namespace hexagent {
namespace {

hexagent_status push_worker_event(hexagent_scheduler* scheduler, InputKind kind, uint32_t worker,
                                  uint32_t incarnation, uint64_t user_data) {
  if (worker == 0) return HEXAGENT_E_RANGE;
  Input input = {kind};
  input.worker = worker;
  input.incarnation = incarnation;
  input.user_data = user_data;
  return scheduler->push(input);
}

hexagent_status push_heartbeat(hexagent_scheduler* scheduler, const hexagent_heartbeat& record) {
  const Flaw flaw = check_heartbeat(record);
  if (flaw.status != HEXAGENT_OK) return flaw.status;
  Input input = record_input(InputKind::kHeartbeat, record, record.user_data);
  input.worker = record.worker;
  input.incarnation = record.incarnation;
  return scheduler->queue(input);
}

hexagent_status push_sample(hexagent_scheduler* scheduler, const hexagent_link_sample& record) {
  const Flaw flaw = check_link_sample(record);
  if (flaw.status != HEXAGENT_OK) return flaw.status;
  Input input = record_input(InputKind::kLinkMeasured, record, record.user_data);
  input.worker = record.source_worker != 0 ? record.source_worker : record.target_worker;
  return scheduler->queue(input);
}

// Observations: as many as go in, in order. `push_one(scheduler, record)` for each.
template <class Record, class PushOne>
int32_t push_observed(hexagent_scheduler* scheduler, const Record* records, uint32_t count,
                      PushOne&& push_one) {
  if (count > HEXAGENT_BATCH_MAX || (records == nullptr && count > 0)) {
    return HEXAGENT_E_ARGUMENT;
  }
  hexagent_status status = HEXAGENT_OK;
  int32_t queued = 0;
  while (queued < static_cast<int32_t>(count)) {
    status = push_one(scheduler, records[queued]);
    if (status != HEXAGENT_OK) break;
    ++queued;
  }
  if (queued > 0) scheduler->wake();
  return queued > 0 ? queued : status;
}

Flaw push_resync(hexagent_scheduler* scheduler, const hexagent_resync* resync,
                 const hexagent_held_call* held, uint32_t count) {
  if (resync == nullptr || (held == nullptr && count > 0) || count > HEXAGENT_RESYNC_MAX) {
    return Flaw{HEXAGENT_E_ARGUMENT};
  }
  Flaw flaw = check_resync(*resync);
  std::vector<uint64_t> words;
  words.reserve(size_t{count} * kWordsPerHeldCall);
  for (uint32_t i = 0; i < count && flaw.status == HEXAGENT_OK; ++i) {
    flaw = check_held_call(held[i]);
    words.insert(words.end(), {held[i].workflow, held[i].call, held[i].attempt});
  }
  if (flaw.status != HEXAGENT_OK) return flaw;
  Input input = record_input(InputKind::kWorkerResync, *resync, resync->user_data);
  input.worker = resync->worker;
  input.incarnation = resync->incarnation;
  input.deps_count = static_cast<uint32_t>(words.size());
  if (!words.empty()) input.deps = words.data();
  return Flaw{scheduler->push(input)};
}

}  // namespace
}  // namespace hexagent

extern "C" {

hexagent_status hexagent_worker_set(hexagent_scheduler* scheduler, const hexagent_worker* worker,
                                    uint64_t user_data, hexagent_error* error) noexcept {
  return hexagent::guard_telling(scheduler, error, [&](hexagent_scheduler& self) {
    return hexagent::push_sized(&self, hexagent::InputKind::kWorkerSet, worker,
                                hexagent::check_worker, user_data);
  });
}

hexagent_status hexagent_worker_drain(hexagent_scheduler* scheduler, uint32_t worker,
                                      uint32_t incarnation, uint64_t user_data) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::push_worker_event(&self, hexagent::InputKind::kWorkerDrain, worker,
                                       incarnation, user_data);
  });
}

hexagent_status hexagent_worker_lost(hexagent_scheduler* scheduler, uint32_t worker,
                                     uint32_t incarnation, uint64_t user_data) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::push_worker_event(&self, hexagent::InputKind::kWorkerLost, worker, incarnation,
                                       user_data);
  });
}

int32_t hexagent_heartbeat_submit(hexagent_scheduler* scheduler,
                                  const hexagent_heartbeat* heartbeats, uint32_t count) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::push_observed(&self, heartbeats, count, hexagent::push_heartbeat);
  });
}

int32_t hexagent_link_measured(hexagent_scheduler* scheduler, const hexagent_link_sample* samples,
                               uint32_t count) noexcept {
  return hexagent::guard(scheduler, [&](hexagent_scheduler& self) {
    return hexagent::push_observed(&self, samples, count, hexagent::push_sample);
  });
}

hexagent_status hexagent_worker_resync(hexagent_scheduler* scheduler, const hexagent_resync* resync,
                                       const hexagent_held_call* held, uint32_t count,
                                       hexagent_error* error) noexcept {
  return hexagent::guard_telling(scheduler, error, [&](hexagent_scheduler& self) {
    return hexagent::push_resync(&self, resync, held, count);
  });
}

hexagent_status hexagent_link_set(hexagent_scheduler* scheduler, const hexagent_link* link,
                                  uint64_t user_data, hexagent_error* error) noexcept {
  return hexagent::guard_telling(scheduler, error, [&](hexagent_scheduler& self) {
    return hexagent::push_sized(&self, hexagent::InputKind::kLinkSet, link, hexagent::check_link,
                                user_data);
  });
}

}  // extern "C"
