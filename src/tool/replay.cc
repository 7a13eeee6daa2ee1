// `hexagent replay`: lives through a journal again and compares every decision. Exit status 1 and
// the first difference if the library now decides otherwise.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <stdexcept>

#include "tool/commands.h"
#include "tool/replay_session.h"

namespace hexagent::tool {
namespace {

struct ReplayOptions {
  std::string journal;
  uint64_t until = 0;  // 0 = to the end
  std::string explain;
};

const char* kind_name(uint32_t kind) {
  constexpr const char* kNames[] = {"?",     "ACCEPTED",  "REFUSED",      "PREFILL",
                                    "LOCAL", "TRANSFER",  "DECODE",       "REPRIORITISE",
                                    "ABORT", "RETAIN_KV", "RELEASE_KV",   "REJECT",
                                    "RISK",  "CALL_DONE", "WORKFLOW_DONE"};
  return kind < sizeof(kNames) / sizeof(kNames[0]) ? kNames[kind] : "?";
}

void print_decision(const char* whose, const hexagent_decision& decision) {
  std::printf(
      "  %-8s #%llu %s workflow %llu call %llu worker %u peer %u attempt %u status %s "
      "start %lld end %lld key %lld tokens %u cached %u\n",
      whose, static_cast<unsigned long long>(decision.sequence), kind_name(decision.kind),
      static_cast<unsigned long long>(decision.workflow),
      static_cast<unsigned long long>(decision.call), decision.worker, decision.peer_worker,
      decision.attempt, hexagent_status_name(decision.status),
      static_cast<long long>(decision.expected_start_ns),
      static_cast<long long>(decision.expected_end_ns), static_cast<long long>(decision.order_key),
      decision.tokens, decision.cached_tokens);
}

void print_difference(const ReplaySession& session) {
  const hexagent_replay_info& info = session.info;
  std::printf("step %llu (input %llu, time %lld ns) differs: %u decisions now, %u then\n",
              static_cast<unsigned long long>(info.step),
              static_cast<unsigned long long>(info.inputs), static_cast<long long>(info.now_ns),
              info.decisions_count, info.recorded_count);
  const std::vector<hexagent_decision> now = session.decisions();
  if (info.recorded_full == 0) {
    std::printf("the journal holds hashes only; what is decided now:\n");
    constexpr size_t kShown = 10;
    for (size_t i = 0; i < std::min(now.size(), kShown); ++i) print_decision("now", now[i]);
    if (now.size() > kShown) std::printf("  ... and %zu more\n", now.size() - kShown);
    return;
  }
  const std::vector<hexagent_decision> then = session.recorded();
  const uint32_t at = info.first_different;
  std::printf("decision %u of the step is the first:\n", at + 1);
  if (at < then.size()) print_decision("then", then[at]);
  if (at < now.size()) print_decision("now", now[at]);
}

void explain(const ReplaySession& session, const std::string& which) {
  unsigned long long workflow = 0;
  unsigned long long call = 0;
  char rest = 0;
  if (std::sscanf(which.c_str(), "%llu/%llu%c", &workflow, &call, &rest) != 2) {
    throw std::invalid_argument("--explain " + which + ": not WORKFLOW/CALL");
  }
  uint32_t needed = 0;
  hexagent_status status =
      hexagent_explain(session.scheduler(), workflow, call, nullptr, 0, &needed);
  std::string text(needed, '\0');
  if (status == HEXAGENT_E_BUFFER) {
    status = hexagent_explain(session.scheduler(), workflow, call, text.data(), needed, nullptr);
  }
  if (status != HEXAGENT_OK) {
    throw std::runtime_error("--explain " + which + ": " + hexagent_status_text(status));
  }
  std::printf("%s\n", text.c_str());
}

void print_end(const ReplaySession& session, uint64_t decisions, double seconds) {
  const hexagent_replay_info& info = session.info;
  std::printf("%llu steps, %llu inputs, %llu decisions in %.2f s\n",
              static_cast<unsigned long long>(info.step),
              static_cast<unsigned long long>(info.inputs),
              static_cast<unsigned long long>(decisions), seconds);
  if (info.cut_bytes > 0) {
    std::printf("torn tail: %llu bytes do not count, %u whole frames in them\n",
                static_cast<unsigned long long>(info.cut_bytes), info.cut_frames);
  }
}

// How the snapshots on the way compare with the state that was come to.
void print_snapshots(const ReplaySession& session) {
  const hexagent_replay_info& info = session.info;
  const std::string beginning = session.beginning();
  if (!beginning.empty()) std::printf("%s\n", beginning.c_str());
  if (info.snapshots_same > 0) {
    std::printf("%u snapshots on the way hold the state it came to\n", info.snapshots_same);
  }
  if (info.snapshots_unread > 0) {
    std::printf("%u snapshots could not be read; the last: %s\n", info.snapshots_unread,
                info.snapshots_different > 0 ? "another one" : info.snapshot_text);
  }
  if (info.snapshots_different > 0) {
    std::printf("%u snapshots hold another state; the last: %s\n", info.snapshots_different,
                info.snapshot_text);
  }
}

void run_replay(const ReplayOptions& options) {
  ReplaySession session(options.journal);
  const auto start = std::chrono::steady_clock::now();
  uint64_t decisions = 0;
  uint64_t different = 0;
  bool at_end = true;
  while (session.step()) {
    decisions += session.info.decisions_count;
    if (session.info.different != 0 && different++ == 0) print_difference(session);
    if (options.until != 0 && session.info.step >= options.until) {
      at_end = false;
      break;
    }
  }
  const std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
  print_end(session, decisions, spent.count());
  print_snapshots(session);
  if (session.info.library_version != hexagent_version()) {
    std::printf("written by hexagent %s, replayed by %s\n",
                version_text(session.info.library_version).c_str(),
                version_text(hexagent_version()).c_str());
  }
  if (!options.explain.empty()) explain(session, options.explain);
  if (different > 0) {
    throw std::runtime_error(std::to_string(different) + " steps decide otherwise than recorded");
  }
  if (session.info.snapshots_different > 0) {
    throw std::runtime_error("the state is not the one of the snapshots");
  }
  std::printf("every decision is the one recorded%s\n", at_end ? "" : ", up to this step");
}

}  // namespace

void add_replay(CLI::App* app) {
  CLI::App* command =
      app->add_subcommand("replay", "Replays a journal and compares every decision");
  auto options = std::make_shared<ReplayOptions>();
  command->add_option("journal", options->journal, "Folder of the journal")->required();
  command->add_option("--until", options->until, "Stop after this step");
  command->add_option("--explain", options->explain,
                      "WORKFLOW/CALL to explain in the state it stops in");
  command->callback([options] { run_replay(*options); });
}

}  // namespace hexagent::tool
