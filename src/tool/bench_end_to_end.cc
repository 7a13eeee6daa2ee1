// `hexagent bench end-to-end`: from hexagent_submit() to the descriptor being readable, own-thread
// driving, against the least that two threads need to wake each other: an eventfd there and one
// back.
//
// Each sample submits a call that is dispatched at once, with everybody asleep before it. The call
// is then reported done, which is not measured. Both kinds of samples take turns in chunks.
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "tool/bench_timing.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

struct EndToEndOptions {
  uint32_t samples = 20000;
  bool json = false;
};

constexpr uint32_t kChunk = 500;

// A thread that answers every write to one eventfd by a write to another.
class PingPong {
 public:
  PingPong() : there_(eventfd(0, EFD_CLOEXEC)), back_(eventfd(0, EFD_CLOEXEC)) {
    if (there_ < 0 || back_ < 0) throw std::runtime_error("no eventfd");
    echo_ = std::thread([this] {
      uint64_t count = 0;
      while (read(there_, &count, sizeof(count)) == sizeof(count) && count < kStop) {
        send(back_, 1);
      }
    });
  }
  ~PingPong() {
    send(there_, kStop);
    echo_.join();
    close(there_);
    close(back_);
  }
  PingPong(const PingPong&) = delete;
  PingPong& operator=(const PingPong&) = delete;

  int64_t sample() {
    uint64_t count = 0;
    const int64_t begin = clock_ns();
    send(there_, 1);
    if (read(back_, &count, sizeof(count)) != sizeof(count)) throw std::runtime_error("eventfd");
    return clock_ns() - begin;
  }

 private:
  static constexpr uint64_t kStop = 1000;

  static void send(int descriptor, uint64_t value) {
    if (write(descriptor, &value, sizeof(value)) != sizeof(value)) std::abort();
  }

  int there_;
  int back_;
  std::thread echo_;
};

class EndToEndBench {
 public:
  EndToEndBench() : scheduler_(open_scheduler({{"driving", "thread"}})), decisions_(64) {
    hexagent_profile profile = {};
    profile.struct_size = sizeof(profile);
    check(hexagent_profile_builtin(scheduler_, "H100-80G", "llama-3.1-70b", 4, &profile),
          "profile");
    check(hexagent_profile_set(scheduler_, &profile, 0, nullptr), "profile");
    for (uint32_t id = 1; id <= 2; ++id) {
      hexagent_worker worker = {};
      worker.struct_size = sizeof(worker);
      worker.worker = id;
      worker.incarnation = 1;
      worker.role = id;  // one for prefill, one for decode
      worker.gpu = profile.gpu;
      worker.model = profile.model;
      worker.tensor_parallel = profile.tensor_parallel;
      check(hexagent_worker_set(scheduler_, &worker, 0, nullptr), "worker");
    }
    model_ = profile.model;
  }
  ~EndToEndBench() { hexagent_close(scheduler_); }
  EndToEndBench(const EndToEndBench&) = delete;
  EndToEndBench& operator=(const EndToEndBench&) = delete;

  int64_t sample() {
    begin_workflow();
    hexagent_call call = {};
    call.workflow = workflow_;
    call.call = 1;
    call.model = model_;
    call.prompt_tokens = 1000;
    call.flags = HEXAGENT_CALL_LAST;
    hexagent_status result = HEXAGENT_OK;
    const int64_t begin = clock_ns();
    check(hexagent_submit(scheduler_, &call, 1, nullptr, 0, nullptr, 0, &result), "submit");
    wait();
    const int64_t end = clock_ns();
    check(result, "submit");
    finish_workflow();
    return end - begin;
  }

 private:
  void wait() {
    pollfd entry = {hexagent_event_fd(scheduler_), POLLIN, 0};
    if (poll(&entry, 1, 10000) != 1) throw std::runtime_error("no decision came");
  }

  // Handles decisions until one of this kind has come and nothing is left.
  void handle_until(uint32_t kind) {
    for (bool seen = false;;) {
      const int32_t count = check(hexagent_poll(scheduler_, decisions_.data(), 64), "poll");
      for (int32_t i = 0; i < count; ++i) {
        seen |= decisions_[static_cast<size_t>(i)].kind == kind;
        report(decisions_[static_cast<size_t>(i)]);
      }
      if (count == 0 && seen) return;
      if (count == 0) wait();
    }
  }

  void begin_workflow() {
    hexagent_workflow record = {};
    record.workflow = ++workflow_;
    hexagent_status result = HEXAGENT_OK;
    check(hexagent_workflow_begin(scheduler_, &record, 1, &result), "workflow");
    check(result, "workflow");
    handle_until(HEXAGENT_DECISION_ACCEPTED);
  }

  void finish_workflow() { handle_until(HEXAGENT_DECISION_WORKFLOW_DONE); }

  // Plays the engines: what is started is done.
  void report(const hexagent_decision& decision) {
    check(decision.status, "decision");
    hexagent_report record = {};
    record.workflow = decision.workflow;
    record.call = decision.call;
    record.outcome = HEXAGENT_OUTCOME_DONE;
    switch (decision.kind) {
      case HEXAGENT_DECISION_PREFILL:
        record.phase = HEXAGENT_PHASE_PREFILL;
        break;
      case HEXAGENT_DECISION_TRANSFER:
        record.phase = HEXAGENT_PHASE_TRANSFER;
        break;
      case HEXAGENT_DECISION_DECODE:
        record.phase = HEXAGENT_PHASE_DECODE;
        record.tokens = 100;
        break;
      default:
        return;
    }
    hexagent_status result = HEXAGENT_OK;
    check(hexagent_complete(scheduler_, &record, 1, &result), "report");
    check(result, "report");
  }

  hexagent_scheduler* scheduler_;
  std::vector<hexagent_decision> decisions_;
  uint32_t model_ = 0;
  uint64_t workflow_ = 0;
};

void run_end_to_end(const EndToEndOptions& options) {
  EndToEndBench bench;
  PingPong ping_pong;
  for (uint32_t i = 0; i < kChunk; ++i) {  // warm up
    bench.sample();
    ping_pong.sample();
  }
  std::vector<int64_t> ours, bare;
  while (ours.size() < options.samples) {
    for (uint32_t i = 0; i < kChunk; ++i) ours.push_back(bench.sample());
    for (uint32_t i = 0; i < kChunk; ++i) bare.push_back(ping_pong.sample());
  }
  const double p50 = quantile(&ours, 0.5), p99 = quantile(&ours, 0.99);
  const double bare_p50 = quantile(&bare, 0.5), bare_p99 = quantile(&bare, 0.99);
  if (options.json) {
    const nlohmann::ordered_json result = {{"p50_ns", p50},
                                           {"p99_ns", p99},
                                           {"eventfd_p50_ns", bare_p50},
                                           {"eventfd_p99_ns", bare_p99},
                                           {"p50_ratio", p50 / bare_p50},
                                           {"p99_ratio", p99 / bare_p99}};
    std::printf("%s\n", nlohmann::ordered_json({{"end_to_end", result}}).dump(2).c_str());
    return;
  }
  std::printf("submit to decision readable: p50 %.1f us, p99 %.1f us\n", p50 * 1e-3, p99 * 1e-3);
  std::printf("bare eventfd ping-pong:      p50 %.1f us, p99 %.1f us\n", bare_p50 * 1e-3,
              bare_p99 * 1e-3);
  std::printf("ratio: p50 %.2f, p99 %.2f\n", p50 / bare_p50, p99 / bare_p99);
}

}  // namespace

void add_bench_end_to_end(CLI::App* bench) {
  CLI::App* command =
      bench->add_subcommand("end-to-end", "Submit to decision readable, own-thread driving");
  auto options = std::make_shared<EndToEndOptions>();
  command->add_option("--samples", options->samples)->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run_end_to_end(*options); });
}

}  // namespace hexagent::tool
