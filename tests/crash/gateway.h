// A gateway with four threads that submit through the C ABI, while the thread that made it polls
// and plays the engines. It lives until its scheduler is gone; what has to outlive it is in World.
#pragma once

#include <poll.h>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "crash/world.h"
#include "hexagent/hexagent.h"

namespace hexagent::test {

inline constexpr int kPatienceMs = 60'000;        // sanitizers on a busy machine are slow
inline constexpr uint32_t kOpenWorkflowsMax = 3;  // of one submitter

class Gateway {
 public:
  // `tell` gets each batch that was polled before anybody acts on it: false = it was never seen,
  // the machine is dead. Workflows up to number `last` of each submitter are handed in.
  using Tell = std::function<bool(const hexagent_decision*, uint32_t)>;
  Gateway(hexagent_scheduler* scheduler, World* world, uint64_t last, Tell tell)
      : scheduler_(scheduler), world_(world), last_(last), tell_(std::move(tell)) {
    gpu_ = intern("test-gpu");
    model_ = intern("test-model");
  }

  // Until tell() says no or all workflows are done; what went wrong, or nothing.
  std::string live() {
    ++world_->life;
    world_->adopt();
    std::string wrong = find_all();
    if (!wrong.empty()) return wrong;
    if (!world_->profile) set_profile();
    for (uint32_t worker = 1; worker <= kWorkers; ++worker) {
      if (world_->workers.count(worker) == 0) set_worker(worker);
    }
    std::vector<std::thread> threads;
    for (uint32_t number = 0; number < kSubmitters; ++number) {
      count_workflows(number);
      threads.emplace_back(&Gateway::submit_all, this, number, to_repeat(number));
    }
    // Whatever was handed in before is there again before any report of it: else its workflow might
    // be over in the meantime, and its id free to begin another one.
    while (repeated_.load(std::memory_order_acquire) < kSubmitters) std::this_thread::yield();
    wrong = tell_of_engines();
    if (wrong.empty()) wrong = consume();
    stop();
    for (std::thread& thread : threads) thread.join();
    if (wrong.empty() && flaw_.load() != HEXAGENT_OK) {
      wrong = "a submitter was answered " + std::to_string(flaw_.load());
    }
    return wrong;
  }

 private:
  uint32_t intern(const char* text) {
    return static_cast<uint32_t>(
        hexagent_name(scheduler_, text, static_cast<uint32_t>(std::strlen(text))));
  }

  static uint64_t id_of(uint32_t submitter, uint64_t number) {
    return number * kSubmitters + submitter;
  }

  // ---- after a restart

  // Workers tell what they hold, then what has happened there is reported again.
  std::string tell_of_engines() {
    hexagent_journal_info info = {};
    info.struct_size = sizeof(info);
    if (hexagent_journal_query(scheduler_, &info) != HEXAGENT_OK) return "no journal";
    // Also one whose ACCEPTED was never seen may have been sent something that never arrived.
    for (uint32_t worker = 1; worker <= kWorkers && info.recovered_decisions > 0; ++worker) {
      resync(worker, info.recovered_decisions);
    }
    for (const auto& [id, workflow] : world_->workflows) {
      for (const CallMemory& call : workflow.calls) {
        if (call.done || call.prefill.sequence == 0) continue;
        serve(call.prefill);
        if (call.transfer.sequence != 0) serve(call.transfer);
      }
    }
    return {};
  }

  // Nothing acknowledged is lost.
  std::string find_all() {
    for (const auto& [id, workflow] : world_->workflows) {
      for (uint64_t call = 1; call <= kCalls; ++call) {
        const CallMemory& memory = workflow.calls[call];
        if (!memory.accepted || memory.done) continue;
        const int32_t state = hexagent_call_state(scheduler_, id, call);
        if (state > 0 && state < HEXAGENT_STATE_DONE) continue;
        return "call " + std::to_string(call) + " of workflow " + std::to_string(id) +
               " was acknowledged and is answered " + std::to_string(state);
      }
    }
    return {};
  }

  void resync(uint32_t worker, uint64_t decision_sequence) {
    std::vector<hexagent_held_call> held;
    for (const auto& [id, workflow] : world_->workflows) {
      for (uint64_t call = 1; call <= kCalls; ++call) {
        const CallMemory& memory = workflow.calls[call];
        const hexagent_decision& prefill = memory.prefill;
        if (memory.done || prefill.sequence == 0) continue;
        const bool decodes = (prefill.worker == kEager && prefill.peer_worker == worker) ||
                             memory.transfer.peer_worker == worker;
        if (prefill.worker == worker || decodes) held.push_back({id, call, prefill.attempt, 0, {}});
      }
    }
    hexagent_resync record = {};
    record.worker = worker;
    record.incarnation = 1;
    record.user_data = kOtherInputs + 100 + worker;
    record.decision_sequence = decision_sequence;
    note(hexagent_worker_resync(scheduler_, &record, held.data(),
                                static_cast<uint32_t>(held.size()), nullptr));
  }

  void set_profile() {
    hexagent_profile profile = {};
    profile.struct_size = sizeof(profile);
    profile.gpu = gpu_;
    profile.model = model_;
    profile.tensor_parallel = 1;
    profile.prefill_fixed_s = 0.01;
    profile.prefill_per_token_s = 1e-4;
    profile.decode_fixed_s = 0.01;
    profile.decode_per_sequence_s = 1e-5;
    profile.kv_capacity_tokens = 100'000;
    profile.kv_bytes_per_token = 1000;
    note(hexagent_profile_set(scheduler_, &profile, kOtherInputs, nullptr));
  }

  void set_worker(uint32_t worker) {
    hexagent_worker record = {};
    record.struct_size = sizeof(record);
    record.worker = worker;
    record.incarnation = 1;
    record.role = worker <= 2 ? HEXAGENT_ROLE_PREFILL : HEXAGENT_ROLE_DECODE;
    record.gpu = gpu_;
    record.model = model_;
    record.binding =
        worker == kEager ? HEXAGENT_BINDING_PREFILL_START : HEXAGENT_BINDING_PREFILL_END;
    note(hexagent_worker_set(scheduler_, &record, kOtherInputs + worker, nullptr));
  }

  // ---- the submitters; they touch nothing of World

  struct Handed {
    uint64_t workflow;
    bool begin;
    bool calls[kCalls + 1];
  };

  // What the world knows was handed in and not that it was taken.
  std::vector<Handed> to_repeat(uint32_t submitter) const {
    std::vector<Handed> list;
    for (const auto& [id, workflow] : world_->workflows) {
      if (submitter_of(id) != submitter || workflow.done) continue;
      Handed handed = {id, !workflow.accepted, {}};
      bool any = handed.begin;
      for (uint64_t call = 1; call <= kCalls; ++call) {
        handed.calls[call] = !workflow.calls[call].accepted;
        any = any || handed.calls[call];
      }
      if (any) list.push_back(handed);
    }
    return list;
  }

  // A submitter's inputs are taken in order, so those the world has heard of are the first ones.
  void count_workflows(uint32_t submitter) {
    uint64_t known = 0;
    for (const auto& [id, workflow] : world_->workflows) {
      if (submitter_of(id) != submitter) continue;
      ++known;
      if (workflow.done) ++done_[submitter];
    }
    next_[submitter] = known + 1;
    open_[submitter] = static_cast<uint32_t>(known - done_[submitter]);
  }

  void submit_all(uint32_t submitter, const std::vector<Handed>& again) {
    for (const Handed& handed : again) hand_in(handed);
    // Of so many more nobody may have heard an answer.
    const uint64_t first = next_[submitter];
    uint64_t number = first;
    for (; number <= last_ && number < first + kOpenWorkflowsMax; ++number) {
      static_cast<void>(begin_another(submitter, UINT32_MAX));
      hand_in({id_of(submitter, number), true, {false, true, true, true}});
    }
    // Release: see live().
    repeated_.fetch_add(1, std::memory_order_release);
    for (; number <= last_; ++number) {
      if (!begin_another(submitter, kOpenWorkflowsMax)) return;
      hand_in({id_of(submitter, number), true, {false, true, true, true}});
    }
  }

  // Waits until fewer than `most` are open; false when it is over.
  bool begin_another(uint32_t submitter, uint32_t most) {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return open_[submitter] < most || stop_.load(); });
    ++open_[submitter];
    return !stop_.load();
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    stop_.store(true);
    room_.notify_all();
  }

  // Call 2 waits for call 1, call 3 for neither.
  void hand_in(const Handed& handed) {
    hexagent_workflow workflow = {};
    workflow.workflow = handed.workflow;
    workflow.user_data = handed.workflow * kCallScale;
    workflow.tier = HEXAGENT_TIER_STANDARD;
    if (handed.begin) {
      insist([&](hexagent_status* result) {
        return hexagent_workflow_begin(scheduler_, &workflow, 1, result);
      });
    }
    const uint64_t dep = 1;
    for (uint64_t number = 1; number <= kCalls; ++number) {
      if (!handed.calls[number]) continue;
      hexagent_call call = {};
      call.workflow = handed.workflow;
      call.call = number;
      call.user_data = handed.workflow * kCallScale + number;
      call.model = model_;
      call.prompt_tokens = static_cast<uint32_t>(100 + handed.workflow * 37 % 900);
      call.max_output_tokens = 50;
      call.deps_count = number == 2 ? 1 : 0;
      call.flags = number == kCalls ? HEXAGENT_CALL_LAST : 0;
      insist([&](hexagent_status* result) {
        return hexagent_submit(scheduler_, &call, 1, &dep, 1, nullptr, 0, result);
      });
    }
  }

  // Hands in until it is taken; the queue may be full.
  template <class Submit>
  void insist(Submit&& submit) {
    while (!stop_.load()) {
      hexagent_status result = HEXAGENT_E_INTERNAL;
      const int32_t taken = submit(&result);
      if (taken == 1) return;
      if (result != HEXAGENT_E_AGAIN) return note(taken < 0 ? taken : result);
      std::this_thread::yield();
    }
  }

  // ---- the consumer

  std::string consume() {
    hexagent_decision decisions[64];
    while (!all_done()) {
      const int32_t count = hexagent_poll(scheduler_, decisions, 64);
      if (count < 0) return "poll answers " + std::to_string(count);
      if (count == 0) {
        pollfd entry = {hexagent_event_fd(scheduler_), POLLIN, 0};
        if (poll(&entry, 1, kPatienceMs) == 0) return "nothing comes any more: " + what_is_open();
        continue;
      }
      if (!tell_(decisions, static_cast<uint32_t>(count))) return {};
      for (int32_t i = 0; i < count; ++i) {
        std::string wrong = world_->see(decisions[i]);
        if (!wrong.empty()) return wrong;
        react(decisions[i]);
      }
    }
    return {};
  }

  bool all_done() const {
    for (uint32_t number = 0; number < kSubmitters; ++number) {
      if (done_[number] < last_) return false;
    }
    return true;
  }

  void react(const hexagent_decision& decision) {
    if (decision.kind == HEXAGENT_DECISION_PREFILL || decision.kind == HEXAGENT_DECISION_TRANSFER) {
      serve(decision);
    } else if (decision.kind == HEXAGENT_DECISION_WORKFLOW_DONE) {
      const uint32_t submitter = submitter_of(decision.workflow);
      ++done_[submitter];
      const std::lock_guard lock(mutex_);
      --open_[submitter];
      room_.notify_all();
    }
  }

  // What an engine reports when it gets this, which it does at once.
  void serve(const hexagent_decision& decision) {
    const bool prefills = decision.kind == HEXAGENT_DECISION_PREFILL;
    hexagent_report reports[2] = {};
    uint32_t count = 0;
    if (prefills) reports[count++].phase = HEXAGENT_PHASE_PREFILL;
    if (!prefills || decision.worker == kEager) reports[count++].phase = HEXAGENT_PHASE_DECODE;
    for (uint32_t i = 0; i < count; ++i) {
      reports[i].workflow = decision.workflow;
      reports[i].call = decision.call;
      reports[i].user_data = kOtherInputs + 200;
      reports[i].outcome = HEXAGENT_OUTCOME_DONE;
      reports[i].attempt = decision.attempt;
      if (reports[i].phase == HEXAGENT_PHASE_DECODE) reports[i].tokens = 20;
    }
    hexagent_status results[2];
    if (hexagent_complete(scheduler_, reports, count, results) != static_cast<int32_t>(count)) {
      note(HEXAGENT_E_AGAIN);  // the queue is larger than all reports there can be
    }
  }

  std::string what_is_open() const {
    for (const auto& [id, workflow] : world_->workflows) {
      for (uint64_t call = 1; call <= kCalls && !workflow.done; ++call) {
        if (workflow.calls[call].done) continue;
        return "workflow " + std::to_string(id) + ", call " + std::to_string(call) + " in state " +
               std::to_string(hexagent_call_state(scheduler_, id, call));
      }
    }
    return "everything is done";
  }

  void note(hexagent_status status) {
    if (status != HEXAGENT_OK) flaw_.store(status, std::memory_order_relaxed);
  }

  hexagent_scheduler* scheduler_;
  World* world_;
  uint64_t last_;
  Tell tell_;
  uint32_t gpu_ = 0;
  uint32_t model_ = 0;
  uint64_t next_[kSubmitters] = {};
  uint64_t done_[kSubmitters] = {};
  std::mutex mutex_;
  std::condition_variable room_;
  uint32_t open_[kSubmitters] = {};    // workflows, under mutex_
  std::atomic<uint32_t> repeated_{0};  // submitters that have handed in again what they had
  std::atomic<bool> stop_{false};
  std::atomic<hexagent_status> flaw_{HEXAGENT_OK};
};

}  // namespace hexagent::test
