/*
 * Layout of every public struct: sizes and offsets that no release may change. The checks are made
 * by the compiler; running the program only shows that it was built.
 */
#include "fixture.h"

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define AT(type, member, offset) \
  _Static_assert(offsetof(type, member) == (offset), "offset of " #type "." #member)

SIZE(hexagent_status, 4);

SIZE(hexagent_error, 256);
AT(hexagent_error, struct_size, 0);
AT(hexagent_error, status, 4);
AT(hexagent_error, field, 8);
AT(hexagent_error, reserved, 12);
AT(hexagent_error, text, 16);

SIZE(hexagent_config_info, 376);
AT(hexagent_config_info, struct_size, 0);
AT(hexagent_config_info, live, 4);
AT(hexagent_config_info, minimum, 8);
AT(hexagent_config_info, maximum, 16);
AT(hexagent_config_info, key, 24);
AT(hexagent_config_info, default_value, 72);
AT(hexagent_config_info, text, 120);

SIZE(hexagent_profile, 120);
AT(hexagent_profile, struct_size, 0);
AT(hexagent_profile, gpu, 4);
AT(hexagent_profile, model, 8);
AT(hexagent_profile, tensor_parallel, 12);
AT(hexagent_profile, prefill_fixed_s, 16);
AT(hexagent_profile, prefill_per_token_s, 24);
AT(hexagent_profile, prefill_per_pair_s, 32);
AT(hexagent_profile, small_fixed_s, 40);
AT(hexagent_profile, small_per_token_s, 48);
AT(hexagent_profile, decode_fixed_s, 56);
AT(hexagent_profile, decode_per_sequence_s, 64);
AT(hexagent_profile, decode_per_context_token_s, 72);
AT(hexagent_profile, small_below_tokens, 80);
AT(hexagent_profile, derived, 84);
AT(hexagent_profile, kv_capacity_tokens, 88);
AT(hexagent_profile, kv_bytes_per_token, 96);
AT(hexagent_profile, reserved, 100);
AT(hexagent_profile, prefill_error, 104);
AT(hexagent_profile, decode_error, 112);

SIZE(hexagent_gpu, 56);
AT(hexagent_gpu, struct_size, 0);
AT(hexagent_gpu, gpu, 4);
AT(hexagent_gpu, peak_flops_per_s, 8);
AT(hexagent_gpu, memory_bytes_per_s, 16);
AT(hexagent_gpu, memory_bytes, 24);
AT(hexagent_gpu, gemm_share_of_peak, 32);
AT(hexagent_gpu, weight_read_share_of_peak, 40);
AT(hexagent_gpu, nvlink_bytes_per_s, 48);

SIZE(hexagent_model, 56);
AT(hexagent_model, struct_size, 0);
AT(hexagent_model, model, 4);
AT(hexagent_model, max_context_tokens, 8);
AT(hexagent_model, kv_bytes_per_token, 12);
AT(hexagent_model, parameters, 16);
AT(hexagent_model, weight_bytes, 24);
AT(hexagent_model, layers, 32);
AT(hexagent_model, hidden, 36);
AT(hexagent_model, query_heads, 40);
AT(hexagent_model, kv_heads, 44);
AT(hexagent_model, head_dim, 48);
AT(hexagent_model, reserved, 52);

SIZE(hexagent_worker, 112);
AT(hexagent_worker, struct_size, 0);
AT(hexagent_worker, worker, 4);
AT(hexagent_worker, incarnation, 8);
AT(hexagent_worker, role, 12);
AT(hexagent_worker, gpu, 16);
AT(hexagent_worker, model, 20);
AT(hexagent_worker, tensor_parallel, 24);
AT(hexagent_worker, engine, 28);
AT(hexagent_worker, binding, 32);
AT(hexagent_worker, block_tokens, 36);
AT(hexagent_worker, kv_capacity_tokens, 40);
AT(hexagent_worker, labels, 48);
AT(hexagent_worker, dispatch_round_trip_ns, 56);
AT(hexagent_worker, ingress_bytes_per_s, 64);
AT(hexagent_worker, egress_bytes_per_s, 72);
AT(hexagent_worker, link_latency_ns, 80);
AT(hexagent_worker, decode_batch_max, 84);
AT(hexagent_worker, prefill_batch_tokens, 88);
AT(hexagent_worker, prefill_chunk_tokens, 92);
AT(hexagent_worker, host_domain, 96);
AT(hexagent_worker, rack_domain, 100);
AT(hexagent_worker, zone_domain, 104);
AT(hexagent_worker, flags, 108);

SIZE(hexagent_heartbeat, 64);
AT(hexagent_heartbeat, worker, 0);
AT(hexagent_heartbeat, incarnation, 4);
AT(hexagent_heartbeat, user_data, 8);
AT(hexagent_heartbeat, kv_used_tokens, 16);
AT(hexagent_heartbeat, running_count, 24);
AT(hexagent_heartbeat, queued_count, 28);
AT(hexagent_heartbeat, queued_prefill_tokens, 32);
AT(hexagent_heartbeat, flags, 40);
AT(hexagent_heartbeat, reserved, 48);

SIZE(hexagent_link, 24);
AT(hexagent_link, struct_size, 0);
AT(hexagent_link, source_domain, 4);
AT(hexagent_link, target_domain, 8);
AT(hexagent_link, latency_ns, 12);
AT(hexagent_link, bytes_per_s, 16);

SIZE(hexagent_link_sample, 64);
AT(hexagent_link_sample, source_worker, 0);
AT(hexagent_link_sample, source_incarnation, 4);
AT(hexagent_link_sample, target_worker, 8);
AT(hexagent_link_sample, target_incarnation, 12);
AT(hexagent_link_sample, user_data, 16);
AT(hexagent_link_sample, bytes, 24);
AT(hexagent_link_sample, duration_ns, 32);
AT(hexagent_link_sample, setup_ns, 40);
AT(hexagent_link_sample, queue_ns, 48);
AT(hexagent_link_sample, flags, 56);
AT(hexagent_link_sample, reserved, 60);

SIZE(hexagent_link_info, 48);
AT(hexagent_link_info, struct_size, 0);
AT(hexagent_link_info, samples, 4);
AT(hexagent_link_info, bytes_per_s, 8);
AT(hexagent_link_info, declared_bytes_per_s, 16);
AT(hexagent_link_info, setup_ns, 24);
AT(hexagent_link_info, queue_ns, 32);
AT(hexagent_link_info, setup_samples, 40);
AT(hexagent_link_info, queue_samples, 44);

SIZE(hexagent_workflow, 128);
AT(hexagent_workflow, workflow, 0);
AT(hexagent_workflow, user_data, 8);
AT(hexagent_workflow, arrival_ns, 16);
AT(hexagent_workflow, deadline_ns, 24);
AT(hexagent_workflow, slo_scale_milli, 32);
AT(hexagent_workflow, class_name, 36);
AT(hexagent_workflow, tenant, 40);
AT(hexagent_workflow, tier, 44);
AT(hexagent_workflow, ttft_limit_ns, 48);
AT(hexagent_workflow, tpot_limit_ns, 56);
AT(hexagent_workflow, template_name, 64);
AT(hexagent_workflow, remaining_calls_p50, 68);
AT(hexagent_workflow, remaining_calls_p90, 72);
AT(hexagent_workflow, flags, 76);
AT(hexagent_workflow, remaining_tokens_p50, 80);
AT(hexagent_workflow, remaining_tokens_p90, 88);
AT(hexagent_workflow, reserved, 96);

SIZE(hexagent_call, 128);
AT(hexagent_call, workflow, 0);
AT(hexagent_call, call, 8);
AT(hexagent_call, user_data, 16);
AT(hexagent_call, stage, 24);
AT(hexagent_call, model, 28);
AT(hexagent_call, prompt_tokens, 32);
AT(hexagent_call, max_output_tokens, 36);
AT(hexagent_call, output_tokens_p50, 40);
AT(hexagent_call, output_tokens_p90, 44);
AT(hexagent_call, deps_offset, 48);
AT(hexagent_call, deps_count, 52);
AT(hexagent_call, prefixes_offset, 56);
AT(hexagent_call, prefixes_count, 60);
AT(hexagent_call, labels_required, 64);
AT(hexagent_call, labels_excluded, 72);
AT(hexagent_call, flags, 80);
AT(hexagent_call, reserved0, 84);
AT(hexagent_call, trace_id, 88);
AT(hexagent_call, span_id, 104);
AT(hexagent_call, reserved, 112);

SIZE(hexagent_prefix, 64);
AT(hexagent_prefix, group, 0);
AT(hexagent_prefix, workflow, 8);
AT(hexagent_prefix, call, 16);
AT(hexagent_prefix, tokens, 24);
AT(hexagent_prefix, worker, 28);
AT(hexagent_prefix, cached_tokens, 32);
AT(hexagent_prefix, reserved0, 36);
AT(hexagent_prefix, reserved, 40);

SIZE(hexagent_report, 128);
AT(hexagent_report, workflow, 0);
AT(hexagent_report, call, 8);
AT(hexagent_report, user_data, 16);
AT(hexagent_report, worker, 24);
AT(hexagent_report, incarnation, 28);
AT(hexagent_report, phase, 32);
AT(hexagent_report, outcome, 36);
AT(hexagent_report, start_ns, 40);
AT(hexagent_report, end_ns, 48);
AT(hexagent_report, tokens, 56);
AT(hexagent_report, cached_tokens, 60);
AT(hexagent_report, bytes, 64);
AT(hexagent_report, attempt, 72);
AT(hexagent_report, flags, 76);
AT(hexagent_report, reserved, 80);

SIZE(hexagent_decision, 128);
AT(hexagent_decision, sequence, 0);
AT(hexagent_decision, journal_position, 8);
AT(hexagent_decision, user_data, 16);
AT(hexagent_decision, workflow, 24);
AT(hexagent_decision, call, 32);
AT(hexagent_decision, kind, 40);
AT(hexagent_decision, status, 44);
AT(hexagent_decision, worker, 48);
AT(hexagent_decision, peer_worker, 52);
AT(hexagent_decision, incarnation, 56);
AT(hexagent_decision, attempt, 60);
AT(hexagent_decision, time_ns, 64);
AT(hexagent_decision, expected_start_ns, 72);
AT(hexagent_decision, expected_end_ns, 80);
AT(hexagent_decision, order_key, 88);
AT(hexagent_decision, priority, 96);
AT(hexagent_decision, tokens, 100);
AT(hexagent_decision, cached_tokens, 104);
AT(hexagent_decision, field, 108);
AT(hexagent_decision, stretch_milli, 112);
AT(hexagent_decision, risk_milli, 116);
AT(hexagent_decision, deadline_ns, 120);

SIZE(hexagent_placement, 64);
AT(hexagent_placement, prefill_worker, 0);
AT(hexagent_placement, decode_worker, 4);
AT(hexagent_placement, prefill_cached_tokens, 8);
AT(hexagent_placement, decode_cached_tokens, 12);
AT(hexagent_placement, prefill_start_ns, 16);
AT(hexagent_placement, prefill_end_ns, 24);
AT(hexagent_placement, transfer_end_ns, 32);
AT(hexagent_placement, decode_end_ns, 40);
AT(hexagent_placement, cost_s, 48);
AT(hexagent_placement, fits_now, 56);
AT(hexagent_placement, reserved, 60);

SIZE(hexagent_forecast, 32);
AT(hexagent_forecast, struct_size, 0);
AT(hexagent_forecast, meets_deadline, 4);
AT(hexagent_forecast, projected_end_ns, 8);
AT(hexagent_forecast, horizon_ns, 16);
AT(hexagent_forecast, earliest_deadline_ns, 24);

SIZE(hexagent_workflow_info, 56);
AT(hexagent_workflow_info, struct_size, 0);
AT(hexagent_workflow_info, calls_revealed, 4);
AT(hexagent_workflow_info, calls_done, 8);
AT(hexagent_workflow_info, calls_ready, 12);
AT(hexagent_workflow_info, arrival_ns, 16);
AT(hexagent_workflow_info, horizon_ns, 24);
AT(hexagent_workflow_info, projected_end_ns, 32);
AT(hexagent_workflow_info, deadline_ns, 40);
AT(hexagent_workflow_info, stretch, 48);

SIZE(hexagent_worker_info, 64);
AT(hexagent_worker_info, struct_size, 0);
AT(hexagent_worker_info, state, 4);
AT(hexagent_worker_info, kv_capacity_tokens, 8);
AT(hexagent_worker_info, kv_reserved_tokens, 16);
AT(hexagent_worker_info, kv_foreign_tokens, 24);
AT(hexagent_worker_info, prefill_outstanding, 32);
AT(hexagent_worker_info, decode_outstanding, 36);
AT(hexagent_worker_info, prefill_wait_ns, 40);
AT(hexagent_worker_info, prefill_factor, 48);
AT(hexagent_worker_info, decode_factor, 56);

SIZE(hexagent_shadow_info, 104);
AT(hexagent_shadow_info, struct_size, 0);
AT(hexagent_shadow_info, reserved, 4);
AT(hexagent_shadow_info, calls_placed, 8);
AT(hexagent_shadow_info, calls_agreed, 16);
AT(hexagent_shadow_info, calls_finished, 24);
AT(hexagent_shadow_info, ours_predicted_s, 32);
AT(hexagent_shadow_info, theirs_predicted_s, 40);
AT(hexagent_shadow_info, finished_predicted_s, 48);
AT(hexagent_shadow_info, finished_realised_s, 56);
AT(hexagent_shadow_info, finished_error_s, 64);
AT(hexagent_shadow_info, regret_p50_s, 72);
AT(hexagent_shadow_info, regret_p90_s, 80);
AT(hexagent_shadow_info, regret_p99_s, 88);
AT(hexagent_shadow_info, regret_max_s, 96);

SIZE(hexagent_stats, 336);
AT(hexagent_stats, struct_size, 0);
AT(hexagent_stats, workers, 4);
AT(hexagent_stats, inputs, 8);
AT(hexagent_stats, refused, 16);
AT(hexagent_stats, decisions, 24);
AT(hexagent_stats, plans, 32);
AT(hexagent_stats, workflows_live, 40);
AT(hexagent_stats, workflows_done, 48);
AT(hexagent_stats, workflows_cancelled, 56);
AT(hexagent_stats, calls_live, 64);
AT(hexagent_stats, calls_waiting, 72);
AT(hexagent_stats, calls_done, 80);
AT(hexagent_stats, calls_failed, 88);
AT(hexagent_stats, calls_retried, 96);
AT(hexagent_stats, intake_rejected, 104);
AT(hexagent_stats, prefix_hit_tokens, 112);
AT(hexagent_stats, prompt_tokens, 120);
AT(hexagent_stats, transfer_bytes, 128);
AT(hexagent_stats, bytes_allocated, 136);
AT(hexagent_stats, inputs_held_back, 144);
AT(hexagent_stats, decision_ring_full, 152);
AT(hexagent_stats, decisions_waiting, 160);
AT(hexagent_stats, journal_inputs, 168);
AT(hexagent_stats, journal_inputs_recovered, 176);
AT(hexagent_stats, journal_inputs_lost, 184);
AT(hexagent_stats, journal_steps, 192);
AT(hexagent_stats, journal_bytes, 200);
AT(hexagent_stats, journal_segments, 208);
AT(hexagent_stats, journal_syncs, 216);
AT(hexagent_stats, journal_failures, 224);
AT(hexagent_stats, journal_sync_age_ns, 232);
AT(hexagent_stats, rejected, 240);
AT(hexagent_stats, journal_snapshots, 248);
AT(hexagent_stats, journal_snapshots_skipped, 256);
AT(hexagent_stats, journal_snapshot_bytes, 264);
AT(hexagent_stats, journal_segments_removed, 272);
AT(hexagent_stats, transfers_failed, 280);
AT(hexagent_stats, transfers_reprioritised, 288);
AT(hexagent_stats, link_samples, 296);
AT(hexagent_stats, link_outliers, 304);
AT(hexagent_stats, kv_held_tokens, 312);
AT(hexagent_stats, kv_quiesce_timeouts, 320);
AT(hexagent_stats, calls_outside, 328);

SIZE(hexagent_journal_info, 592);
AT(hexagent_journal_info, struct_size, 0);
AT(hexagent_journal_info, status, 4);
AT(hexagent_journal_info, recovered_steps, 8);
AT(hexagent_journal_info, recovered_inputs, 16);
AT(hexagent_journal_info, recovered_decisions, 24);
AT(hexagent_journal_info, recovered_now_ns, 32);
AT(hexagent_journal_info, clock_shift_ns, 40);
AT(hexagent_journal_info, cut_bytes, 48);
AT(hexagent_journal_info, cut_frames, 56);
AT(hexagent_journal_info, closed, 60);
AT(hexagent_journal_info, text, 64);
AT(hexagent_journal_info, snapshot_steps, 320);
AT(hexagent_journal_info, snapshot_segment, 328);
AT(hexagent_journal_info, snapshots_passed, 332);
AT(hexagent_journal_info, snapshot_text, 336);

SIZE(hexagent_resync, 64);
AT(hexagent_resync, worker, 0);
AT(hexagent_resync, incarnation, 4);
AT(hexagent_resync, user_data, 8);
AT(hexagent_resync, decision_sequence, 16);
AT(hexagent_resync, reserved, 24);

SIZE(hexagent_held_call, 32);
AT(hexagent_held_call, workflow, 0);
AT(hexagent_held_call, call, 8);
AT(hexagent_held_call, attempt, 16);
AT(hexagent_held_call, reserved0, 20);
AT(hexagent_held_call, reserved, 24);

SIZE(hexagent_input, 64);
AT(hexagent_input, kind, 0);
AT(hexagent_input, worker, 4);
AT(hexagent_input, incarnation, 8);
AT(hexagent_input, record_size, 12);
AT(hexagent_input, user_data, 16);
AT(hexagent_input, workflow, 24);
AT(hexagent_input, call, 32);
AT(hexagent_input, deps_count, 40);
AT(hexagent_input, prefixes_count, 44);
AT(hexagent_input, reserved, 48);

SIZE(hexagent_replay_info, 352);
AT(hexagent_replay_info, struct_size, 0);
AT(hexagent_replay_info, library_version, 4);
AT(hexagent_replay_info, step, 8);
AT(hexagent_replay_info, inputs, 16);
AT(hexagent_replay_info, now_ns, 24);
AT(hexagent_replay_info, inputs_count, 32);
AT(hexagent_replay_info, decisions_count, 36);
AT(hexagent_replay_info, recorded_count, 40);
AT(hexagent_replay_info, recorded_full, 44);
AT(hexagent_replay_info, different, 48);
AT(hexagent_replay_info, first_different, 52);
AT(hexagent_replay_info, closed, 56);
AT(hexagent_replay_info, cut_frames, 60);
AT(hexagent_replay_info, cut_bytes, 64);
AT(hexagent_replay_info, first_step, 72);
AT(hexagent_replay_info, snapshot_segment, 80);
AT(hexagent_replay_info, snapshots_same, 84);
AT(hexagent_replay_info, snapshots_different, 88);
AT(hexagent_replay_info, snapshots_unread, 92);
AT(hexagent_replay_info, snapshot_text, 96);

static void the_library_is_of_this_header(void** state) {
  (void)state;
  assert_int_equal(hexagent_version() >> 8, HEXAGENT_VERSION >> 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_library_is_of_this_header)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
