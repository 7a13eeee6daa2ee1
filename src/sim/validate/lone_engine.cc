// Lone engines: see lone_engine.h.
#include "sim/validate/lone_engine.h"

#include <algorithm>
#include <vector>

#include "sim/engine/decode_engine.h"
#include "sim/engine/prefill_engine.h"

namespace hexagent::sim {
namespace {

constexpr int64_t kBlockTokens = 16;
constexpr int32_t kRounds = 4;  // requests of one client

// Capacity is not what these tables test: KV space never runs out.
EngineConfig config_for(const TruthTimes& truth, const LoneLoad& load) {
  EngineConfig config;
  config.truth = &truth;
  config.decode_batch_max = std::max<int32_t>(load.batch, 1);
  config.kv_capacity_tokens =
      4 * kBlockTokens + 2 * load.batch * (load.prompt_tokens + load.output_tokens + kBlockTokens);
  return config;
}

DecodeRequest request(uint64_t id, ContentTree* contents, const LoneLoad& load) {
  return {id, contents->add(kNoContent, 0, load.prompt_tokens + load.output_tokens),
          load.prompt_tokens, load.output_tokens, 0};
}

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Runs it until nothing is left; when the last report came.
template <typename Engine>
double run_dry_s(Engine* engine) {
  Reports reports;
  TimeNs end = 0;
  while (engine->next_event() != kNever) {
    engine->advance(engine->next_event(), reports);
    for (const Report& report : reports) end = std::max(end, report.time);
    reports.clear();
  }
  return to_s(end);
}

}  // namespace

double lone_prefill_s(const TruthTimes& truth, const LoneLoad& load) {
  ContentTree contents(kBlockTokens);
  PrefillEngine engine(config_for(truth, load), &contents);
  for (int32_t i = 0; i < load.batch; ++i) {
    const ContentId content = contents.add(kNoContent, 0, load.prompt_tokens);
    engine.submit(0, {static_cast<uint64_t>(i + 1), content, load.prompt_tokens, 0});
  }
  return run_dry_s(&engine);
}

double lone_iteration_s(const TruthTimes& truth, const LoneLoad& load) {
  ContentTree contents(kBlockTokens);
  DecodeEngine engine(config_for(truth, load), &contents);
  for (int32_t i = 0; i < load.batch; ++i) {
    const auto id = static_cast<uint64_t>(i + 1);
    engine.reserve(0, request(id, &contents, load), false);
    engine.submit(0, id);
  }
  return run_dry_s(&engine) / static_cast<double>(load.output_tokens);
}

double lone_batch_s(const TruthTimes& truth, const LoneLoad& load) {
  ContentTree contents(kBlockTokens);
  DecodeEngine engine(config_for(truth, load), &contents);
  for (int32_t i = 0; i < load.batch; ++i) {
    engine.submit_local(0, request(static_cast<uint64_t>(i + 1), &contents, load));
  }
  return run_dry_s(&engine);
}

LoneServing lone_serving(const TruthTimes& truth, const LoneLoad& load) {
  ContentTree contents(kBlockTokens);
  DecodeEngine engine(config_for(truth, load), &contents);
  std::vector<TimeNs> sent;   // by id - 1
  std::vector<TimeNs> first;  // the same
  std::vector<double> first_s;
  std::vector<double> token_s;
  const auto clients = static_cast<uint64_t>(load.batch);
  // Clients begin one after another over the time of one request, else equal requests would go on
  // in step for ever, each meeting all the others' prefills.
  const TimeNs gap = to_ns(lone_batch_s(truth, load) / static_cast<double>(clients));
  const auto send = [&](TimeNs now) {
    sent.push_back(now);
    first.push_back(now);
    engine.submit_local(now, request(sent.size(), &contents, load));
  };
  uint64_t begun = 0;
  std::vector<bool> is_first;  // of its client, by id - 1
  Reports reports;
  while (begun < clients || engine.next_event() != kNever) {
    const TimeNs begin = begun < clients ? static_cast<TimeNs>(begun) * gap : kNever;
    const TimeNs now = std::min(begin, engine.next_event());
    if (engine.next_event() <= now) engine.advance(now, reports);
    if (begin <= now) {
      ++begun;
      send(now);
      is_first.push_back(true);
    }
    for (const Report& report : reports) {
      const size_t index = report.id - 1;
      if (report.kind == ReportKind::kFirstToken) first[index] = report.time;
      if (report.kind != ReportKind::kDecodeFinished) continue;
      if (!is_first[index]) {
        first_s.push_back(to_s(first[index] - sent[index]));
        const double steps = static_cast<double>(std::max<int64_t>(1, load.output_tokens - 1));
        token_s.push_back(to_s(report.time - first[index]) / steps);
      }
      if (sent.size() >= clients * kRounds) continue;
      send(now);
      is_first.push_back(false);
    }
    reports.clear();
  }
  return {median(first_s), median(token_s)};
}

}  // namespace hexagent::sim
