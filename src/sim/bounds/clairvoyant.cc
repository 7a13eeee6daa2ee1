// Clairvoyant schedules: see clairvoyant.h.
#include "sim/bounds/clairvoyant.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <utility>

#include "sim/random.h"
#include "sim/run/simulation.h"
#include "sim/study/statistics.h"

namespace hexagent::sim {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr uint64_t kSearchSeed = 20262;
constexpr double kStepMax = 0.7;        // of the logarithm of an urgency
constexpr double kTailFrom = 0.9;       // of the quantile: who counts as near the tail
constexpr double kDeadlineFirst = 2.0;  // S tried first

// A run with what it came to; its tail is where the search looks for candidates.
struct Incumbent {
  RunConfig config;
  std::vector<WorkflowRecord> records;
  double value = kInfinity;
};

double stretch_of(const WorkflowRecord& record) { return record.completion_s / record.horizon_s; }

class Portfolio {
 public:
  Portfolio(const Cell& cell, uint64_t seed, const ClairvoyantEffort& effort,
            const std::function<void(const ClairvoyantSchedule&, const Attained&)>& tried)
      : cell_(cell), seed_(seed), effort_(effort), tried_(tried) {}

  ClairvoyantBound run() {
    std::vector<Entry> entries;
    for (const bool window : {true, false}) {
      for (const double price : effort_.prices) {
        const ClairvoyantSchedule schedule = {Clairvoyance::Order::kFinalStretch, window, price,
                                              0.0};
        entries.push_back({schedule, try_schedule(schedule)});
      }
    }
    for (const Entry& entry : chosen(std::move(entries))) bisect(entry);
    search(0, [this](Incumbent* at, Random* random) { move_body(at, random); });
    bound_.c1 = {best_[0].value, best_[1].value};
    search(1, [this](Incumbent* at, Random* random) { move_instance(at, random); });
    bound_.c2 = {best_[0].value, best_[1].value};
    return bound_;
  }

 private:
  struct Entry {
    ClairvoyantSchedule schedule;
    Attained attained;
  };

  // Runs a configuration and keeps it where it is the best.
  Attained attempt(RunConfig config, const std::string& name) {
    // Req99 is not below Req95: above the best Req99 a run is of no use for either.
    config.give_up_stretch = std::isfinite(best_[1].value) ? best_[1].value : 0.0;
    Simulation simulation(config);
    RunResult result = simulation.run();
    ++bound_.runs;
    std::vector<double> stretches = measured_stretches(result);
    const Attained attained = {requirement(stretches, 0.95), requirement(stretches, 0.99)};
    for (size_t i = 0; i < 2; ++i) {
      const double value = i == 0 ? attained.req95 : attained.req99;
      if (!(value < best_[i].value)) continue;
      best_[i] = {config, result.workflows, value};
      if (!name.empty()) (i == 0 ? bound_.schedule95 : bound_.schedule99) = name;
    }
    return attained;
  }

  Attained try_schedule(const ClairvoyantSchedule& schedule) {
    const Attained attained =
        attempt(clairvoyant_run(cell_, schedule, seed_), describe_schedule(schedule));
    if (tried_) tried_(schedule, attained);
    return attained;
  }

  // Those under which EDF is tried: all, or the best of each quantile.
  std::vector<Entry> chosen(std::vector<Entry> entries) const {
    if (effort_.deadlines_of_all) return entries;
    const auto least95 = std::min_element(entries.begin(), entries.end(), [](auto& a, auto& b) {
      return a.attained.req95 < b.attained.req95;
    });
    const auto least99 = std::min_element(entries.begin(), entries.end(), [](auto& a, auto& b) {
      return a.attained.req99 < b.attained.req99;
    });
    if (least95 == least99) return {*least95};
    return {*least95, *least99};
  }

  // The smallest S with Req <= S, for each quantile, between 1 and what final stretch reached.
  void bisect(const Entry& entry) {
    for (const bool tail : {false, true}) {
      double high = tail ? entry.attained.req99 : entry.attained.req95;
      double low = 1.0;
      double deadline = std::isfinite(high) ? high : kDeadlineFirst;
      for (uint32_t step = 0; step < effort_.bisections; ++step) {
        ClairvoyantSchedule schedule = entry.schedule;
        schedule.order = Clairvoyance::Order::kDeadline;
        schedule.deadline_horizons = deadline;
        const Attained attained = try_schedule(schedule);
        if ((tail ? attained.req99 : attained.req95) <= deadline) {
          high = deadline;
        } else {
          low = deadline;
        }
        deadline = std::isfinite(high) && high > low ? std::sqrt(low * high) : 2.0 * low;
      }
    }
  }

  template <class Move>
  void search(uint64_t stream, const Move& move) {
    Random random = Random(kSearchSeed).split(seed_).split(stream);
    for (uint32_t step = 0; step < effort_.search_steps; ++step) {
      Incumbent at = best_[step % 2];
      if (!std::isfinite(at.value) || at.records.empty()) continue;
      move(&at, &random);
      attempt(at.config, "");
    }
  }

  // One workflow of the tail, and one of all.
  std::pair<const WorkflowRecord*, const WorkflowRecord*> draw(const Incumbent& at,
                                                               Random* random) const {
    std::vector<const WorkflowRecord*> all;
    std::vector<const WorkflowRecord*> tail;
    for (const WorkflowRecord& record : at.records) {
      if (!record.measured) continue;
      all.push_back(&record);
      if (stretch_of(record) >= kTailFrom * at.value) tail.push_back(&record);
    }
    return {tail[random->below(tail.size())], all[random->below(all.size())]};
  }

  static void scale(std::map<uint64_t, double>* urgencies, uint64_t key, double by) {
    const auto place = urgencies->emplace(key, 1.0).first;
    place->second *= by;
  }

  void move_body(Incumbent* at, Random* random) const {
    const auto [late, any] = draw(*at, random);
    auto* urgencies = &at->config.clairvoyance->body_urgency;
    scale(urgencies, Clairvoyance::body_key(late->trace, late->body),
          std::exp(kStepMax * random->uniform()));
    scale(urgencies, Clairvoyance::body_key(any->trace, any->body),
          std::exp(-kStepMax * random->uniform()));
  }

  void move_instance(Incumbent* at, Random* random) const {
    const auto [late, any] = draw(*at, random);
    auto* urgencies = &at->config.clairvoyance->instance_urgency;
    scale(urgencies, late->index, std::exp(kStepMax * random->uniform()));
    scale(urgencies, any->index, std::exp(-kStepMax * random->uniform()));
  }

  const Cell& cell_;
  const uint64_t seed_;
  const ClairvoyantEffort& effort_;
  const std::function<void(const ClairvoyantSchedule&, const Attained&)>& tried_;
  Incumbent best_[2];  // for Req95 and Req99
  ClairvoyantBound bound_;
};

}  // namespace

std::string describe_schedule(const ClairvoyantSchedule& schedule) {
  char text[96];
  const char* dispatch = schedule.window ? "window" : "at_ready";
  if (schedule.order == Clairvoyance::Order::kFinalStretch) {
    std::snprintf(text, sizeof(text), "stretch/%s/%g", dispatch, schedule.price);
  } else {
    std::snprintf(text, sizeof(text), "edf:%.3f/%s/%g", schedule.deadline_horizons, dispatch,
                  schedule.price);
  }
  return text;
}

RunConfig clairvoyant_run(const Cell& cell, const ClairvoyantSchedule& schedule, uint64_t seed) {
  const bool deadlines = schedule.order == Clairvoyance::Order::kDeadline;
  RunConfig config = cell.run(std::string(deadlines ? "workflow-fcfs" : "stretch") + "/impact/" +
                                  (schedule.window ? "window" : "at_ready"),
                              seed);
  char price[32];
  std::snprintf(price, sizeof(price), "%g", schedule.price);
  config.settings.emplace_back("price_work", price);
  // A power of the stretch looks at how far the call itself goes in the time that is left, which is
  // the whole workflow's here: early calls would hardly mind where they go.
  config.settings.emplace_back("impact_power", "1");
  Clairvoyance clairvoyance;
  clairvoyance.order = schedule.order;
  clairvoyance.deadline_horizons = schedule.deadline_horizons;
  config.clairvoyance = std::move(clairvoyance);
  return config;
}

ClairvoyantBound clairvoyant_bound(
    const Cell& cell, uint64_t seed, const ClairvoyantEffort& effort,
    const std::function<void(const ClairvoyantSchedule&, const Attained&)>& tried) {
  return Portfolio(cell, seed, effort, tried).run();
}

}  // namespace hexagent::sim
