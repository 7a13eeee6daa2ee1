// `hexagent bench ring`: the intake ring against a deque behind a mutex and against Boost.Lockfree,
// in one run: some producers (two, unless told), one consumer, the same payload.
//
// The payload is an input as the C ABI makes it, with a report of 128 bytes or with no record.
// Every queue copies it in, and the consumer reads every word of it. All are bounded to the same
// number of entries; who finds one full or empty spins, then yields. Time is told twice: as it
// passed, and as the processors spent it on this process, waiting in a spin included. On a machine
// with other work the former is mostly the wait for a processor, which no queue shortens. The only
// benchmark that looks behind the C ABI.
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <boost/lockfree/queue.hpp>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <deque>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>
#include <vector>

#include "runtime/intake_ring.h"
#include "tool/bench_timing.h"
#include "tool/commands.h"

namespace hexagent::tool {
namespace {

constexpr uint32_t kProducersMax = 64;
constexpr uint64_t kEntries = 16384;  // bound of every queue

template <bool with_report>
struct Item {
  Input input;
  hexagent_report report;
};
template <>
struct Item<false> {
  Input input;
};

// How everybody waits who finds a queue full or empty: by spinning longer and longer, so that who
// waits does not keep taking the cache line from who works, then by giving up the core. To yield at
// once would hand whole time slices to strangers on a busy machine.
class Patience {
 public:
  void wait() {
    for (uint32_t i = 0; i < spins_; ++i) {
      __asm__ volatile("" ::: "memory");
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }
    spun_ += spins_;
    spins_ = std::min(2 * spins_, kSpinsMax);
    if (spun_ < kSpinsInAll) return;
    spun_ = 0;
    sched_yield();
  }

 private:
  static constexpr uint32_t kSpinsMax = 64;
  static constexpr uint32_t kSpinsInAll = 1000;
  uint32_t spins_ = 1;
  uint32_t spun_ = 0;
};

uint64_t sum_words(const void* bytes, size_t size) {
  const auto* at = static_cast<const unsigned char*>(bytes);
  uint64_t sum = 0;
  for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
    uint64_t word = 0;
    std::memcpy(&word, at + i, sizeof(word));
    sum += word;
  }
  return sum;
}

// What the consumer does with an input.
uint64_t read_input(const Input& input) {
  uint64_t sum = input.user_data + input.workflow + input.call + input.worker;
  if (input.record != nullptr) sum += sum_words(input.record, input.record_size);
  return sum;
}

template <bool with_report>
Item<with_report> to_item(const Input& input) {
  Item<with_report> item;
  item.input = input;
  if constexpr (with_report) std::memcpy(&item.report, input.record, sizeof(item.report));
  return item;
}

template <bool with_report>
uint64_t read_item(Item<with_report>* item) {
  if constexpr (with_report) item->input.record = &item->report;
  return read_input(item->input);
}

template <bool with_report>
class Ours {
 public:
  bool push(const Input& input) { return ring_.try_push(input) == IntakeRing::Push::kDone; }
  bool pop(uint64_t* sum) {
    IntakeRing::Entry entry;
    if (!ring_.front(&entry)) {
      ring_.release();
      return false;
    }
    *sum += read_input(entry.input);
    ring_.pop();
    return true;
  }

 private:
  static constexpr uint64_t kSlots = with_report ? 3 : 1;
  // A power of two of slots; with a report somewhat more than kEntries fit.
  IntakeRing ring_{kEntries * kSlots * IntakeRing::kSlotBytes};
};

template <bool with_report>
class MutexDeque {
 public:
  bool push(const Input& input) {
    const Item<with_report> item = to_item<with_report>(input);
    const std::lock_guard<std::mutex> lock(mutex_);
    if (items_.size() == kEntries) return false;
    items_.push_back(item);
    return true;
  }
  bool pop(uint64_t* sum) {
    Item<with_report> item;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      if (items_.empty()) return false;
      item = items_.front();
      items_.pop_front();
    }
    *sum += read_item(&item);
    return true;
  }

 private:
  std::mutex mutex_;
  std::deque<Item<with_report>> items_;
};

template <bool with_report>
class BoostQueue {
 public:
  bool push(const Input& input) { return queue_.bounded_push(to_item<with_report>(input)); }
  bool pop(uint64_t* sum) {
    Item<with_report> item;
    if (!queue_.pop(item)) return false;
    *sum += read_item(&item);
    return true;
  }

 private:
  boost::lockfree::queue<Item<with_report>, boost::lockfree::fixed_sized<true>> queue_{kEntries};
};

// What all threads of the process have spent on processors, nanoseconds.
int64_t processor_ns() {
  timespec time = {};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

struct Cost {
  double wall_ns, processor_ns;  // per item
};

// What an item costs through a fresh queue.
template <class Queue, bool with_report>
Cost measure(uint32_t producer_count, uint64_t items) {
  const auto queue = std::make_unique<Queue>();
  std::atomic<uint32_t> waiting{producer_count + 1};
  const auto line_up = [&waiting] {
    waiting.fetch_sub(1);
    while (waiting.load() > 0) sched_yield();
  };
  std::vector<std::thread> producers;
  for (uint64_t who = 0; who < producer_count; ++who) {
    producers.emplace_back([&, who] {
      hexagent_report report = {};
      Input input = {InputKind::kReport};
      input.workflow = who;
      if (with_report) {
        input.record = &report;
        input.record_size = sizeof(report);
      }
      line_up();
      for (uint64_t i = 1; i <= items; ++i) {
        input.call = report.call = i;
        for (Patience patience; !queue->push(input);) patience.wait();
      }
    });
  }
  line_up();
  const int64_t begin = clock_ns();
  const int64_t spent_before = processor_ns();
  uint64_t sum = 0;
  Patience patience;
  for (uint64_t taken = 0; taken < producer_count * items;) {
    if (queue->pop(&sum)) {
      ++taken;
      patience = {};
    } else {
      patience.wait();
    }
  }
  const int64_t end = clock_ns();
  const int64_t spent = processor_ns() - spent_before;
  for (std::thread& producer : producers) producer.join();
  const uint64_t producers_sum = uint64_t{producer_count} * (producer_count - 1) / 2;
  const uint64_t calls = producer_count * (items * (items + 1) / 2);
  const uint64_t workflows = items * producers_sum;
  if (sum != workflows + calls * (with_report ? 2 : 1)) throw std::runtime_error("items lost");
  const auto count = static_cast<double>(producer_count * items);
  return {static_cast<double>(end - begin) / count, static_cast<double>(spent) / count};
}

struct RingOptions {
  uint64_t items = 200000;  // of each producer
  uint32_t producers = 2;
  uint32_t repetitions = 31;
  bool json = false;
};

struct RingResult {
  double ring_ns, mutex_ns, boost_ns;                 // medians per item
  double over_mutex, over_boost;                      // medians of the ratios of one repetition
  double best_over_mutex, best_over_boost;            // ratios of the best repetitions
  double processor_ns;                                // median per item, the ring's
  double processor_over_mutex, processor_over_boost;  // medians of ratios, as above
};

double median_of(const std::vector<Cost>& costs, double Cost::*part) {
  std::vector<double> values;
  for (const Cost& cost : costs) values.push_back(cost.*part);
  return median(values);
}

double best(const std::vector<Cost>& costs) {
  double least = costs.front().wall_ns;
  for (const Cost& cost : costs) least = std::min(least, cost.wall_ns);
  return least;
}

// Median of the ratios of one repetition.
double ratio(const std::vector<Cost>& theirs, const std::vector<Cost>& ours, double Cost::*part) {
  std::vector<double> ratios;
  for (size_t i = 0; i < ours.size(); ++i) ratios.push_back(theirs[i].*part / (ours[i].*part));
  return median(ratios);
}

// Repetitions take turns, so that what disturbs the machine disturbs all three.
template <bool with_report>
RingResult compare(const RingOptions& options) {
  std::vector<Cost> ring, mutex, boost;
  const uint32_t producers = options.producers;
  for (uint32_t i = 0; i < options.repetitions; ++i) {
    ring.push_back(measure<Ours<with_report>, with_report>(producers, options.items));
    mutex.push_back(measure<MutexDeque<with_report>, with_report>(producers, options.items));
    boost.push_back(measure<BoostQueue<with_report>, with_report>(producers, options.items));
  }
  constexpr auto wall = &Cost::wall_ns;
  constexpr auto processor = &Cost::processor_ns;
  return {median_of(ring, wall),        median_of(mutex, wall),     median_of(boost, wall),
          ratio(mutex, ring, wall),     ratio(boost, ring, wall),   best(mutex) / best(ring),
          best(boost) / best(ring),     median_of(ring, processor), ratio(mutex, ring, processor),
          ratio(boost, ring, processor)};
}

nlohmann::ordered_json to_json(const RingResult& result) {
  return {{"ring_ns", result.ring_ns},
          {"mutex_deque_ns", result.mutex_ns},
          {"boost_lockfree_ns", result.boost_ns},
          {"over_mutex_deque", result.over_mutex},
          {"over_boost_lockfree", result.over_boost},
          {"best_over_mutex_deque", result.best_over_mutex},
          {"best_over_boost_lockfree", result.best_over_boost},
          {"ring_processor_ns", result.processor_ns},
          {"processor_over_mutex_deque", result.processor_over_mutex},
          {"processor_over_boost_lockfree", result.processor_over_boost}};
}

void print(const char* payload, const RingResult& result) {
  std::printf("%-28s %8.1f %14.1f %16.1f %8.2f (%.2f) %8.2f (%.2f)\n", payload, result.ring_ns,
              result.mutex_ns, result.boost_ns, result.over_mutex, result.best_over_mutex,
              result.over_boost, result.best_over_boost);
  std::printf("%-28s %8.1f %30s %9.2f %15.2f\n", "  processor time", result.processor_ns, "",
              result.processor_over_mutex, result.processor_over_boost);
}

void run_ring(const RingOptions& options) {
  const RingResult report = compare<true>(options);
  const RingResult event = compare<false>(options);
  if (options.json) {
    const nlohmann::ordered_json ring = {
        {"producers", options.producers}, {"report", to_json(report)}, {"event", to_json(event)}};
    std::printf("%s\n", nlohmann::ordered_json({{"ring", ring}}).dump(2).c_str());
    return;
  }
  std::printf("%u producers, 1 consumer, ns per item, medians of %u runs\n", options.producers,
              options.repetitions);
  std::printf("ratios: medians, and of the best runs in brackets\n");
  std::printf("%-28s %8s %14s %16s %15s %15s\n", "payload", "ring", "mutex + deque",
              "Boost.Lockfree", "to mutex", "to Boost");
  print("input with a report (128 B)", report);
  print("input without a record", event);
}

}  // namespace

void add_bench_ring(CLI::App* bench) {
  CLI::App* command = bench->add_subcommand("ring", "The intake ring against other queues");
  auto options = std::make_shared<RingOptions>();
  command->add_option("--items", options->items, "Items of each producer")->capture_default_str();
  command->add_option("--producers", options->producers, "Threads that push")
      ->capture_default_str()
      ->check(CLI::Range(1U, kProducersMax));
  command->add_option("--repetitions", options->repetitions)->capture_default_str();
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options] { run_ring(*options); });
}

}  // namespace hexagent::tool
