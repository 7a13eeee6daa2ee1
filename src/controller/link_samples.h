// LinkSamples: which measurements of links the scheduler is told, and when. Endpoints tell of one
// at the end of each transfer; each sample is an input, kept in the journal. So one is told at once
// when it differs from what was told, then some more until the scheduler's moving means are there,
// and otherwise after some seconds. Tests: tests/unit/controller/link_samples_test.cc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "controller/transfer_order.h"
#include "hexagent/hexagent.h"

namespace hexagent::controller {

// Times are nanoseconds of any one clock that does not run backwards.
class LinkSamples {
 public:
  // Queues a sample: HEXAGENT_OK, HEXAGENT_E_AGAIN (later) or why it cannot be right.
  using Tell = std::function<hexagent_status(const hexagent_link_sample& sample)>;

  LinkSamples(size_t links_max, Tell tell) : links_max_(links_max), tell_(std::move(tell)) {}

  // What an endpoint says. May throw std::bad_alloc.
  void hear(const LinkMeasured& link, int64_t now_ns);
  // Tells what is due. False: nothing will be before the next hear().
  bool tell_due(int64_t now_ns);
  // That worker's endpoint is gone; another life of it may be anywhere else.
  void forget(uint32_t worker);

  size_t size() const { return links_.size(); }

 private:
  struct Link {
    LinkMeasured now;
    LinkMeasured told;
    int64_t told_ns = 0;
    uint32_t left = 0;  // that many are to be told
  };

  void tell(Link* link, int64_t now_ns);

  const size_t links_max_;
  const Tell tell_;
  std::map<std::pair<uint32_t, uint32_t>, Link> links_;
};

// The sample for a measurement: the bytes of one second. A rate that no sample can hold becomes one
// that is refused.
hexagent_link_sample sample_of(const LinkMeasured& link);

}  // namespace hexagent::controller
