// C ABI: what became of a scheduler's journal, and what came back from it.
#include "capi/guard.h"
#include "core/base/sized_struct.h"
#include "metrics/text_writer.h"

namespace hexagent {
namespace {

hexagent_status describe(const hexagent_scheduler& scheduler, hexagent_journal_info* to_caller) {
  const hexagent_status status = check_size(to_caller);
  if (status != HEXAGENT_OK) return status;
  if (scheduler.journal == nullptr) return HEXAGENT_E_STATE;
  Journal& journal = *scheduler.journal;
  const JournalEnd& recovered = journal.recovered();
  hexagent_journal_info info = {};
  info.status = journal.writer()->status();
  info.recovered_steps = recovered.steps;
  info.recovered_inputs = recovered.inputs;
  info.recovered_decisions = journal.recovered_decisions();
  info.recovered_now_ns = recovered.last_now;
  info.clock_shift_ns = scheduler.driver.shift();
  info.cut_bytes = recovered.cut_bytes;
  info.cut_frames = recovered.cut_frames;
  info.closed = recovered.closed ? 1 : 0;
  TextWriter(info.text, sizeof(info.text)) << journal.writer()->trouble();
  info.snapshot_steps = recovered.snapshot_steps;
  info.snapshot_segment = recovered.snapshot;
  info.snapshots_passed = static_cast<uint32_t>(journal.passed_over().size());
  TextWriter(info.snapshot_text, sizeof(info.snapshot_text)) << journal.snapshot_trouble();
  write_sized(info, to_caller);
  return HEXAGENT_OK;
}

}  // namespace
}  // namespace hexagent

extern "C" {

hexagent_status hexagent_journal_query(hexagent_scheduler* scheduler,
                                       hexagent_journal_info* info) noexcept {
  return hexagent::ask(scheduler,
                       [&](hexagent_scheduler& self) { return hexagent::describe(self, info); });
}

}  // extern "C"
