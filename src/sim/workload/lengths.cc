// Scaling of shared text and drawing of own text.
#include "sim/workload/lengths.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace hexagent::sim {
namespace {

int64_t scaled(int64_t tokens, double factor) {
  return static_cast<int64_t>(std::llround(static_cast<double>(tokens) * factor));
}

// Length that `shared` leading tokens of a recorded carrier have in the carrier as it is played.
// The first `fixed` tokens are a group's text and never change.
int64_t scaled_shared(int64_t shared, int64_t fixed, const TraceCall& recorded,
                      const CallLengths& real) {
  if (shared <= fixed) return std::min(shared, real.prompt_tokens);
  if (shared <= recorded.prompt_tokens) {
    const double factor = static_cast<double>(real.prompt_tokens - fixed) /
                          static_cast<double>(recorded.prompt_tokens - fixed);
    return fixed + scaled(shared - fixed, factor);
  }
  const double factor =
      static_cast<double>(real.output_tokens) / static_cast<double>(recorded.output_tokens);
  return real.prompt_tokens + scaled(shared - recorded.prompt_tokens, factor);
}

struct Draw {
  double low;
  double width;
  bool lengthens;

  int64_t own(int64_t tokens, Random& random) const {
    // Drawn even when there is nothing to scale: the number of draws depends on the body alone.
    const double factor = low + width * random.uniform();
    return tokens > 0 ? std::max<int64_t>(1, scaled(tokens, factor)) : 0;
  }
};

const PlayedBody* find_played(const TraceCall& call, const PlayedBodies& played) {
  if (call.prefix_of_body < 0) return nullptr;
  const auto found = played.find(static_cast<uint32_t>(call.prefix_of_body));
  return found == played.end() ? nullptr : &found->second;
}

// Source and length of the shared part; the rest of the result is still to be drawn.
CallLengths shared_part(const Trace& trace, const TraceWorkflow& body, const TraceCall& call,
                        const std::vector<CallLengths>& earlier, const PlayedBodies& played) {
  CallLengths lengths;
  const PlayedBody* external = find_played(call, played);
  if (call.shared_prefix_tokens > 0 && call.prefix_of >= 0) {
    const size_t carrier = static_cast<size_t>(call.prefix_of);
    const TraceCall& recorded = body.calls[carrier];
    const bool same_group = recorded.prefix_group == call.prefix_group;
    const int64_t fixed = same_group ? call.prefix_group_tokens : 0;
    lengths.source = PrefixSource::kCall;
    lengths.source_call = call.prefix_of;
    lengths.shared_tokens =
        scaled_shared(call.shared_prefix_tokens, fixed, recorded, earlier[carrier]);
  } else if (call.shared_prefix_tokens > 0 && external != nullptr) {
    const size_t carrier = static_cast<size_t>(call.prefix_of_call);
    const TraceCall& recorded =
        trace.workflows[static_cast<size_t>(call.prefix_of_body)].calls[carrier];
    lengths.source = PrefixSource::kInstance;
    lengths.source_call = call.prefix_of_call;
    lengths.source_instance = static_cast<int64_t>(external->instance);
    lengths.shared_tokens = scaled_shared(
        std::min(call.shared_prefix_tokens, recorded.prompt_tokens + recorded.output_tokens), 0,
        recorded, external->calls[carrier]);
  } else if (call.prefix_group_tokens > 0) {
    lengths.source = PrefixSource::kGroup;
    lengths.shared_tokens = call.prefix_group_tokens;
  }
  return lengths;
}

// Recorded length of the part that the source gives.
int64_t recorded_shared(const TraceCall& call, PrefixSource source) {
  switch (source) {
    case PrefixSource::kNone:
      return 0;
    case PrefixSource::kGroup:
      return call.prefix_group_tokens;
    case PrefixSource::kCall:
    case PrefixSource::kInstance:
      break;
  }
  return call.shared_prefix_tokens;
}

std::vector<CallLengths> draw_lengths(const Trace& trace, const TraceWorkflow& body,
                                      const Draw& draw, Random random, const PlayedBodies& played) {
  std::vector<CallLengths> result;
  result.reserve(body.calls.size());
  for (const TraceCall& call : body.calls) {
    CallLengths lengths = shared_part(trace, body, call, result, played);
    const int64_t shared = recorded_shared(call, lengths.source);
    if (!draw.lengthens) lengths.shared_tokens = std::min(lengths.shared_tokens, shared);
    lengths.prompt_tokens = lengths.shared_tokens + draw.own(call.prompt_tokens - shared, random);
    lengths.output_tokens = draw.own(call.output_tokens, random);
    result.push_back(lengths);
  }
  return result;
}

int64_t longest_call_tokens(const std::vector<CallLengths>& calls) {
  int64_t longest_tokens = 0;
  for (const CallLengths& call : calls) {
    longest_tokens = std::max(longest_tokens, call.prompt_tokens + call.output_tokens);
  }
  return longest_tokens;
}

}  // namespace

std::vector<CallLengths> recorded_lengths(const TraceWorkflow& body) {
  const Trace no_others;
  return draw_lengths(no_others, body, Draw{1.0, 0.0, true}, Random(0), {});
}

std::vector<CallLengths> jittered_lengths(const Trace& trace, uint32_t body, const JitterRule& rule,
                                          const Random& random, const PlayedBodies& played) {
  const TraceWorkflow& workflow = trace.workflows[body];
  const Draw both_ways{1.0 - rule.relative, 2.0 * rule.relative, true};
  std::vector<CallLengths> calls = draw_lengths(trace, workflow, both_ways, random, played);
  if (rule.call_tokens_max > 0 && longest_call_tokens(calls) > rule.call_tokens_max) {
    const Draw shorter{1.0 - rule.relative, rule.relative, false};
    calls = draw_lengths(trace, workflow, shorter, random, played);
  }
  return calls;
}

}  // namespace hexagent::sim
