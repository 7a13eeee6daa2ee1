/*
 * Layout of the structs of transport.h on 64-bit machines: sizes and offsets that no minor version
 * of the transport ABI may change; new members only go to the end of sized structs. The checks are
 * made by the compiler.
 */
#include <hexagent/transport.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define AT(type, member, offset) \
  _Static_assert(offsetof(type, member) == (offset), "offset of " #type "." #member)

SIZE(hexagent_kv_pool, 72);
AT(hexagent_kv_pool, struct_size, 0);
AT(hexagent_kv_pool, memory, 4);
AT(hexagent_kv_pool, device, 8);
AT(hexagent_kv_pool, layout, 12);
AT(hexagent_kv_pool, layer_count, 16);
AT(hexagent_kv_pool, regions_per_layer, 20);
AT(hexagent_kv_pool, block_tokens, 24);
AT(hexagent_kv_pool, head_count, 28);
AT(hexagent_kv_pool, head_bytes, 32);
AT(hexagent_kv_pool, token_bytes, 36);
AT(hexagent_kv_pool, block_count, 40);
AT(hexagent_kv_pool, reserved, 44);
AT(hexagent_kv_pool, block_stride_bytes, 48);
AT(hexagent_kv_pool, region_bases, 56);
AT(hexagent_kv_pool, content_hash, 64);

SIZE(hexagent_kv_blocks, 48);
AT(hexagent_kv_blocks, pool, 0);
AT(hexagent_kv_blocks, blocks, 8);
AT(hexagent_kv_blocks, block_count, 16);
AT(hexagent_kv_blocks, last_block_tokens, 20);
AT(hexagent_kv_blocks, first_layer, 24);
AT(hexagent_kv_blocks, layer_count, 28);
AT(hexagent_kv_blocks, first_head, 32);
AT(hexagent_kv_blocks, head_count, 36);
AT(hexagent_kv_blocks, reserved, 40);

SIZE(hexagent_kv_reservation, 72);
AT(hexagent_kv_reservation, struct_size, 0);
AT(hexagent_kv_reservation, peer_worker, 4);
AT(hexagent_kv_reservation, target, 8);
AT(hexagent_kv_reservation, expires_ns, 56);
AT(hexagent_kv_reservation, user_data, 64);

SIZE(hexagent_kv_transfer, 104);
AT(hexagent_kv_transfer, struct_size, 0);
AT(hexagent_kv_transfer, flags, 4);
AT(hexagent_kv_transfer, peer_worker, 8);
AT(hexagent_kv_transfer, priority, 12);
AT(hexagent_kv_transfer, source, 16);
AT(hexagent_kv_transfer, token, 64);
AT(hexagent_kv_transfer, deadline_ns, 72);
AT(hexagent_kv_transfer, risk, 80);
AT(hexagent_kv_transfer, workflow, 88);
AT(hexagent_kv_transfer, user_data, 96);

SIZE(hexagent_transfer_event, 64);
AT(hexagent_transfer_event, kind, 0);
AT(hexagent_transfer_event, status, 4);
AT(hexagent_transfer_event, id, 8);
AT(hexagent_transfer_event, user_data, 16);
AT(hexagent_transfer_event, bytes, 24);
AT(hexagent_transfer_event, layers, 32);
AT(hexagent_transfer_event, peer_worker, 36);
AT(hexagent_transfer_event, begin_ns, 40);
AT(hexagent_transfer_event, time_ns, 48);
AT(hexagent_transfer_event, side, 56);
AT(hexagent_transfer_event, reserved, 60);

SIZE(hexagent_link_estimate, 64);
AT(hexagent_link_estimate, struct_size, 0);
AT(hexagent_link_estimate, peer_worker, 4);
AT(hexagent_link_estimate, bytes_per_s, 8);
AT(hexagent_link_estimate, setup_ns, 16);
AT(hexagent_link_estimate, queue_ns, 24);
AT(hexagent_link_estimate, queued_bytes, 32);
AT(hexagent_link_estimate, bytes, 40);
AT(hexagent_link_estimate, transfers, 48);
AT(hexagent_link_estimate, failures, 56);

SIZE(hexagent_transport_host, 56);
AT(hexagent_transport_host, struct_size, 0);
AT(hexagent_transport_host, abi, 4);
AT(hexagent_transport_host, context, 8);
AT(hexagent_transport_host, post_event, 16);
AT(hexagent_transport_host, send_control, 24);
AT(hexagent_transport_host, now_ns, 32);
AT(hexagent_transport_host, wake, 40);
AT(hexagent_transport_host, log, 48);

SIZE(hexagent_transport_config, 56);
AT(hexagent_transport_config, struct_size, 0);
AT(hexagent_transport_config, worker, 4);
AT(hexagent_transport_config, incarnation, 8);
AT(hexagent_transport_config, pools_max, 16);
AT(hexagent_transport_config, peers_max, 20);
AT(hexagent_transport_config, transfers_max, 24);
AT(hexagent_transport_config, reservations_max, 28);
AT(hexagent_transport_config, blocks_max, 32);
AT(hexagent_transport_config, slots_per_peer, 36);
AT(hexagent_transport_config, slot_bytes, 40);
AT(hexagent_transport_config, chunk_bytes_min, 44);
AT(hexagent_transport_config, options, 48);

SIZE(hexagent_transport_ops, 144);
AT(hexagent_transport_ops, struct_size, 0);
AT(hexagent_transport_ops, abi, 4);
AT(hexagent_transport_ops, name, 8);
AT(hexagent_transport_ops, capabilities, 16);
AT(hexagent_transport_ops, create, 24);
AT(hexagent_transport_ops, destroy, 32);
AT(hexagent_transport_ops, register_pool, 40);
AT(hexagent_transport_ops, unregister_pool, 48);
AT(hexagent_transport_ops, connect, 56);
AT(hexagent_transport_ops, disconnect, 64);
AT(hexagent_transport_ops, control, 72);
AT(hexagent_transport_ops, reserve, 80);
AT(hexagent_transport_ops, submit, 88);
AT(hexagent_transport_ops, layers_ready, 96);
AT(hexagent_transport_ops, reprioritise, 104);
AT(hexagent_transport_ops, cancel, 112);
AT(hexagent_transport_ops, progress, 120);
AT(hexagent_transport_ops, poll_descriptor, 128);
AT(hexagent_transport_ops, link_estimate, 136);

_Static_assert(HEXAGENT_TRANSPORT_ABI == 0x10000, "version of this layout");

int main(void) { return 0; }
