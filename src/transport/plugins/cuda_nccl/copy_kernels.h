// Launches of the pack and unpack kernels. Compiled by nvcc (copy_kernels.cu); callers are CUDA
// code, too.
#pragma once

#include <cuda_runtime_api.h>

#include "transport/plugins/cuda_nccl/device_runtime.h"

namespace hexagent::transport {

inline constexpr uint32_t kCopyThreads = 256;

cudaError_t launch_copy_kernel(const CopyLaunch& launch, cudaStream_t stream);
cudaError_t launch_mark_kernel(Mark* mark, uint64_t sequence, cudaStream_t stream);

// Brings all kernels to the current device. Else CUDA does at the first launch of each, which may
// wait for every kernel that runs, and NCCL's may be waiting for us.
cudaError_t load_copy_kernels();

// Blocks of the kernel for this plan that one multiprocessor runs at once; 0 on failure.
int copy_kernel_occupancy(const CopyPlan& plan, bool pack);

}  // namespace hexagent::transport
