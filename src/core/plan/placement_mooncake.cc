// Placement mooncake: Mooncake's conductor (arXiv 2407.00079, algorithm 1). The prefill worker with
// the least estimated time to the first token: its queue, then the part of the prompt it does not
// hold; the decode worker that would decode fastest with the call in its batch.
//
// Left out: fetching a longer prefix from another prefill worker, which the engines here cannot do,
// and rejection, since every workflow is measured. The source balances the decode pool by load and
// checks the time between tokens against a limit; decided here: the least time between tokens is
// the balance, so it needs no limit. Times are the library's own models, caches included.
#include "core/plan/placement_pools.h"

namespace hexagent {
namespace {

class MooncakePlacement final : public PoolPlacement {
 public:
  std::string_view name() const override { return "mooncake"; }

 private:
  uint32_t pick_prefill(const PoolSide& side) const override {
    return side.least([&](uint32_t index) {
      const PrefillOption option = prefill_option(side.view(), side.shape(), index);
      return option.wait_s + option.service_s;
    });
  }

  uint32_t pick_decode(const PoolSide& side) const override {
    const CallShape& shape = side.shape();
    return side.least([&](uint32_t index) {
      const Worker& worker = side.view().workers()[index];
      // A full batch is waited for, which its time between tokens alone does not tell.
      return side.view().load(index).decode.own_s(worker.decode_engine, shape.prompt_tokens,
                                                  shape.output_tokens);
    });
  }
};

}  // namespace

const Placement& mooncake_placement() {
  static const MooncakePlacement placement;
  return placement;
}

}  // namespace hexagent
