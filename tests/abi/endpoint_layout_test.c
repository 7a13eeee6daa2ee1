/*
 * Layout of the structs of endpoint.h on 64-bit machines: sizes and offsets that no minor version
 * may
 * change; new members only go to the end of the configuration. The checks are made by the compiler.
 */
#include <hexagent/endpoint.h>

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), "size of " #type)
#define AT(type, member, offset) \
  _Static_assert(offsetof(type, member) == (offset), "offset of " #type "." #member)

SIZE(hexagent_endpoint_config, 112);
AT(hexagent_endpoint_config, struct_size, 0);
AT(hexagent_endpoint_config, worker, 4);
AT(hexagent_endpoint_config, incarnation, 8);
AT(hexagent_endpoint_config, controller, 16);
AT(hexagent_endpoint_config, secret, 24);
AT(hexagent_endpoint_config, transport, 32);
AT(hexagent_endpoint_config, fallback, 40);
AT(hexagent_endpoint_config, options, 48);
AT(hexagent_endpoint_config, transfers_max, 56);
AT(hexagent_endpoint_config, pools_max, 60);
AT(hexagent_endpoint_config, peers_max, 64);
AT(hexagent_endpoint_config, blocks_max, 68);
AT(hexagent_endpoint_config, slots_per_peer, 72);
AT(hexagent_endpoint_config, slot_bytes, 76);
AT(hexagent_endpoint_config, chunk_bytes_min, 80);
AT(hexagent_endpoint_config, reserved, 84);
AT(hexagent_endpoint_config, reconnect_min_ns, 88);
AT(hexagent_endpoint_config, reconnect_max_ns, 96);
AT(hexagent_endpoint_config, silence_ns, 104);

SIZE(hexagent_endpoint_event, 128);
AT(hexagent_endpoint_event, kind, 0);
AT(hexagent_endpoint_event, status, 4);
AT(hexagent_endpoint_event, transfer, 8);
AT(hexagent_endpoint_event, workflow, 16);
AT(hexagent_endpoint_event, call, 24);
AT(hexagent_endpoint_event, bytes, 32);
AT(hexagent_endpoint_event, layers, 40);
AT(hexagent_endpoint_event, tokens, 44);
AT(hexagent_endpoint_event, cached_tokens, 48);
AT(hexagent_endpoint_event, peer_worker, 52);
AT(hexagent_endpoint_event, side, 56);
AT(hexagent_endpoint_event, attempt, 60);
AT(hexagent_endpoint_event, begin_ns, 64);
AT(hexagent_endpoint_event, time_ns, 72);
AT(hexagent_endpoint_event, reserved, 80);

int main(void) { return 0; }
