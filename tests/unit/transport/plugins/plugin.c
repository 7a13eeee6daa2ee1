/*
 * A transport plugin that does nothing, for the loader's tests; -DPLUGIN_* makes it wrong in one
 * way. It is written in C, as any plugin may be.
 */
#include <hexagent/transport.h>

#if defined(__GNUC__)
#define EXPORT __attribute__((visibility("default")))
#else
#define EXPORT
#endif

#if !defined(PLUGIN_WITHOUT_QUERY)

static hexagent_status create(const hexagent_transport_host* host,
                              const hexagent_transport_config* config, hexagent_transport** out) {
  (void)host;
  (void)config;
  (void)out;
  return HEXAGENT_E_NO_DEVICE;
}
static void destroy(hexagent_transport* t) { (void)t; }
static hexagent_status register_pool(hexagent_transport* t, const hexagent_kv_pool* pool,
                                     uint64_t* out) {
  (void)t;
  (void)pool;
  (void)out;
  return HEXAGENT_E_UNSUPPORTED;
}
static hexagent_status unregister_pool(hexagent_transport* t, uint64_t pool) {
  (void)t;
  (void)pool;
  return HEXAGENT_E_STALE;
}
static hexagent_status connect(hexagent_transport* t, uint32_t worker) {
  (void)t;
  (void)worker;
  return HEXAGENT_E_UNSUPPORTED;
}
static hexagent_status disconnect(hexagent_transport* t, uint32_t worker, hexagent_status status) {
  (void)t;
  (void)worker;
  return status;
}
static hexagent_status control(hexagent_transport* t, uint32_t worker, const void* message,
                               size_t size) {
  (void)t;
  (void)worker;
  (void)message;
  (void)size;
  return HEXAGENT_E_DAMAGED;
}
static hexagent_status reserve(hexagent_transport* t, const hexagent_kv_reservation* wanted,
                               uint64_t* token) {
  (void)t;
  (void)wanted;
  (void)token;
  return HEXAGENT_E_UNSUPPORTED;
}
static hexagent_status submit(hexagent_transport* t, const hexagent_kv_transfer* wanted,
                              uint64_t* id) {
  (void)t;
  (void)wanted;
  (void)id;
  return HEXAGENT_E_UNSUPPORTED;
}
static hexagent_status layers_ready(hexagent_transport* t, uint64_t id, uint32_t layers,
                                    void* event) {
  (void)t;
  (void)id;
  (void)layers;
  (void)event;
  return HEXAGENT_E_STALE;
}
static hexagent_status reprioritise(hexagent_transport* t, uint64_t id, uint32_t priority,
                                    int64_t deadline_ns, double risk) {
  (void)t;
  (void)id;
  (void)priority;
  (void)deadline_ns;
  (void)risk;
  return HEXAGENT_E_STALE;
}
static hexagent_status cancel(hexagent_transport* t, uint32_t side, uint64_t id) {
  (void)t;
  (void)side;
  (void)id;
  return HEXAGENT_E_STALE;
}
#if !defined(PLUGIN_LACKS_A_FUNCTION)
static int32_t progress(hexagent_transport* t, uint32_t budget, int64_t* next_timer_ns) {
  (void)t;
  (void)budget;
  *next_timer_ns = INT64_MAX;
  return 0;
}
#endif

static const hexagent_transport_ops ops = {
#if defined(PLUGIN_TOO_SHORT)
    24,
#else
    sizeof(hexagent_transport_ops),
#endif
#if defined(PLUGIN_OF_ANOTHER_MAJOR)
    HEXAGENT_TRANSPORT_ABI + (1u << 16),
#else
    HEXAGENT_TRANSPORT_ABI,
#endif
    "test",
    HEXAGENT_CAN_HOST_MEMORY,
    create,
    destroy,
    register_pool,
    unregister_pool,
    connect,
    disconnect,
    control,
    reserve,
    submit,
    layers_ready,
    reprioritise,
    cancel,
#if defined(PLUGIN_LACKS_A_FUNCTION)
    NULL,
#else
    progress,
#endif
    NULL,
    NULL};

EXPORT hexagent_status hexagent_transport_query(uint32_t abi, const hexagent_transport_ops** out);

hexagent_status hexagent_transport_query(uint32_t abi, const hexagent_transport_ops** out) {
  *out = NULL;
#if defined(PLUGIN_WITHOUT_DEVICE)
  return HEXAGENT_E_NO_DEVICE;
#endif
  if (abi >> 16 != HEXAGENT_TRANSPORT_ABI_MAJOR) return HEXAGENT_E_VERSION;
  *out = &ops;
  return HEXAGENT_OK;
}

#else

EXPORT int a_library_of_another_kind(void);

int a_library_of_another_kind(void) { return 0; }

#endif
