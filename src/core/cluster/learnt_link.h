// LearntLink: what measurements tell of one way that KV takes: from a worker, into a worker, or
// from the one to the other. Moving means of its rate, of what a transfer costs beside its bytes,
// and of how long it waits before it begins.
//
// What is declared is the first guess. One sample far off could be a hiccup, or an error of whoever
// measures, so it is refused; three in a row on one side mean that the way has changed, and the
// last of them is believed at once. Nearer ones count from the first on. (Acceptance row A18 of
// notes/dataplane.md: within 15 % in five transfers after a step by four.)
// Tests: tests/unit/core/cluster/learnt_link_test.cc.
#pragma once

#include <algorithm>
#include <cstdint>

namespace hexagent {

struct LearntLink {
  static constexpr double kWeight = 0.25;     // of a new sample, once there are a few
  static constexpr double kSurprise = 1.5;    // a ratio that noise rarely has
  static constexpr double kFarOff = 8.0;      // one that a single sample is not believed
  static constexpr uint32_t kInARow = 3;      // so many on one side: the way has changed
  static constexpr uint32_t kSettled = 1000;  // samples are counted up to here

  uint32_t source = 0;  // the caller's ids of the workers; 0 = any
  uint32_t target = 0;
  uint32_t samples = 0;  // of the rate; what was declared counts as one
  uint32_t setup_samples = 0;
  uint32_t queue_samples = 0;
  uint32_t surprises = 0;  // in a row, on one side
  bool surprise_above = false;
  uint32_t next_into = 0xffffffffu;  // list of the ways into one target; not in snapshots
  double bytes_per_s = 0.0;          // 0 = nothing known
  double setup_s = 0.0;
  double queue_s = 0.0;

  // The guess to begin with; 0 = none that counts, the first sample will stand alone.
  void begin(double declared_bytes_per_s) {
    if (bytes_per_s > 0.0 || declared_bytes_per_s <= 0.0) return;
    bytes_per_s = declared_bytes_per_s;
    samples = 1;
  }

  // False: an outlier, which has taught nothing but that it came.
  bool learn_rate(double sample) {
    if (bytes_per_s == 0.0) {
      bytes_per_s = sample;
      samples = 1;
      return true;
    }
    const bool above = sample > bytes_per_s;
    const double ratio = above ? sample / bytes_per_s : bytes_per_s / sample;
    if (ratio <= kSurprise) {
      surprises = 0;
    } else {
      surprises = surprise_above == above ? surprises + 1 : 1;
      surprise_above = above;
      if (surprises == kInARow) {
        surprises = 0;
        bytes_per_s = sample;
        samples = std::min(samples + 1, kSettled);
        return true;
      }
      if (ratio > kFarOff) return false;
    }
    samples = std::min(samples + 1, kSettled);
    // A mean of times, not of rates: what is predicted is a time.
    const double weight = std::max(kWeight, 1.0 / samples);
    bytes_per_s = 1.0 / (1.0 / bytes_per_s + weight * (1.0 / sample - 1.0 / bytes_per_s));
    return true;
  }

  // A way that has carried that much can carry it; `declared`: what it is believed to, unmeasured.
  void raise_to(double rate, double declared) {
    if (rate <= (bytes_per_s > 0.0 ? bytes_per_s : declared)) return;
    bytes_per_s = rate;
    samples = std::max(samples, 1u);
  }

  void learn_setup(double sample_s) { learn_mean(sample_s, &setup_s, &setup_samples); }
  void learn_queue(double sample_s) { learn_mean(sample_s, &queue_s, &queue_samples); }

  // The fields of a snapshot (core/snapshot/writer.h).
  template <class Archive, class Self>
  static void visit(Archive* archive, Self* self, double rate_most, double seconds_most) {
    archive->number("source", &self->source);
    archive->number("target", &self->target);
    archive->number("samples", &self->samples, 0, kSettled);
    archive->number("setup_samples", &self->setup_samples, 0, kSettled);
    archive->number("queue_samples", &self->queue_samples, 0, kSettled);
    archive->number("surprises", &self->surprises, 0, kInARow - 1);
    archive->flag("surprise_above", &self->surprise_above);
    archive->real("bytes_per_s", &self->bytes_per_s, 0.0, rate_most);
    archive->real("setup_s", &self->setup_s, 0.0, seconds_most);
    archive->real("queue_s", &self->queue_s, 0.0, seconds_most);
  }

 private:
  static void learn_mean(double sample_s, double* mean_s, uint32_t* count) {
    *count = std::min(*count + 1, kSettled);
    *mean_s += std::max(kWeight, 1.0 / *count) * (sample_s - *mean_s);
  }
};

}  // namespace hexagent
