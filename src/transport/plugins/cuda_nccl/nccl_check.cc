// Holds what nccl_api.h declares against the real header. Nothing of this file runs.
#include <nccl.h>

#include <cstddef>
#include <type_traits>

#include "transport/plugins/cuda_nccl/nccl_api.h"

namespace hexagent::transport {
namespace {

static_assert(NCCL_VERSION_CODE >= kNcclConfigVersion);
static_assert(ncclSuccess == kNcclSuccess && ncclRemoteError == kNcclRemoteError);
static_assert(ncclInProgress == kNcclInProgress && ncclInt8 == kNcclInt8);
static_assert(NCCL_CONFIG_UNDEF_INT == kNcclUndefined);
static_assert(sizeof(ncclUniqueId) == sizeof(NcclId) && sizeof(ncclResult_t) == sizeof(int32_t));
static_assert(sizeof(ncclDataType_t) == sizeof(int32_t));

static_assert(offsetof(ncclConfig_t, size) == offsetof(NcclConfig, size));
static_assert(offsetof(ncclConfig_t, magic) == offsetof(NcclConfig, magic));
static_assert(offsetof(ncclConfig_t, version) == offsetof(NcclConfig, version));
static_assert(offsetof(ncclConfig_t, blocking) == offsetof(NcclConfig, blocking));
static_assert(offsetof(ncclConfig_t, cgaClusterSize) == offsetof(NcclConfig, cga_cluster_size));
static_assert(offsetof(ncclConfig_t, minCTAs) == offsetof(NcclConfig, min_ctas));
static_assert(offsetof(ncclConfig_t, maxCTAs) == offsetof(NcclConfig, max_ctas));
static_assert(offsetof(ncclConfig_t, netName) == offsetof(NcclConfig, net_name));
static_assert(offsetof(ncclConfig_t, splitShare) == offsetof(NcclConfig, split_share));

// The functions take what ours take, word for word, with NCCL's names for the same types.
static_assert(
    std::is_same_v<decltype(&ncclSend), ncclResult_t (*)(const void*, size_t, ncclDataType_t, int,
                                                         ncclComm_t, cudaStream_t)>);
static_assert(std::is_same_v<decltype(&ncclRecv), ncclResult_t (*)(void*, size_t, ncclDataType_t,
                                                                   int, ncclComm_t, cudaStream_t)>);
static_assert(std::is_same_v<decltype(&ncclCommInitRankConfig),
                             ncclResult_t (*)(ncclComm_t*, int, ncclUniqueId, int, ncclConfig_t*)>);
static_assert(
    std::is_same_v<decltype(&ncclCommGetAsyncError), ncclResult_t (*)(ncclComm_t, ncclResult_t*)>);
static_assert(std::is_same_v<decltype(&ncclCommAbort), ncclResult_t (*)(ncclComm_t)>);
#if NCCL_VERSION_CODE >= 22807
static_assert(std::is_same_v<decltype(&ncclCommRevoke), ncclResult_t (*)(ncclComm_t, int)>);
#endif

}  // namespace
}  // namespace hexagent::transport
