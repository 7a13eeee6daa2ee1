// A tiny cluster with round coefficients, so that the tests' expected values can be worked by hand.
#pragma once

#include <cstdint>
#include <utility>

#include "sim/cluster/resolved.h"

namespace hexagent::sim {

inline FittedProfile tiny_profile() {
  FittedProfile profile;
  profile.gpu = "fast";
  profile.model = "tiny";
  profile.a0_s = 0.01;
  profile.a1_s = 1e-4;
  profile.a2_s = 1e-8;
  profile.small_below_tokens = 100;
  profile.small_a0_s = 0.002;
  profile.small_a1_s = 2e-4;
  profile.b0_s = 0.01;
  profile.b1_s = 0.001;
  profile.b2_s = 1e-6;
  profile.kv_bytes_per_token = 1000;
  profile.kv_capacity_tokens = 10'050;
  return profile;
}

// Slower per token, quicker to start: best for a handful of tokens only.
inline FittedProfile starter_profile() {
  FittedProfile profile = tiny_profile();
  profile.gpu = "starter";
  profile.a0_s = 0.001;
  profile.a1_s = 1e-3;
  profile.small_a0_s = 0.0001;
  profile.small_a1_s = 5e-4;
  profile.b0_s = 0.02;
  profile.b2_s = 0.0;
  return profile;
}

inline ResolvedGroup tiny_group(WorkerRole role, int32_t count, FittedProfile fitted,
                                double nic_bytes_per_s) {
  return {role, count, std::move(fitted), nic_bytes_per_s};
}

// No groups yet: latency 1 ms, batches of 1,000 tokens and at most 4 sequences.
inline ResolvedCluster tiny_cluster() {
  ResolvedCluster cluster;
  cluster.file.name = "tiny";
  cluster.file.link_latency_us = 1000.0;
  cluster.file.batch_tokens = 1000;
  cluster.file.decode_batch_max = 4;
  cluster.model.model = "tiny";
  cluster.model.kv_bytes_per_token = 1000;
  return cluster;
}

}  // namespace hexagent::sim
