// Pack and unpack kernels: what copy_lane.h says for each thread, then the sum and the mark. The
// last block to finish writes the mark, so that the host learns of the end by reading its own
// memory, without a call into the driver.
#include "transport/plugins/cuda_nccl/copy_kernels.h"
#include "transport/plugins/cuda_nccl/copy_lane.h"

namespace hexagent::transport {
namespace {

using Counter = unsigned long long;
static_assert(sizeof(Counter) == sizeof(uint64_t));

struct KernelDone {
  Counter* sum;
  Counter* blocks;
  Mark* mark;
  uint64_t sequence;
};

__device__ void write_mark(Mark* mark, uint64_t sum, uint64_t sequence) {
  volatile Mark* to = mark;
  to->sum = sum;
  __threadfence_system();  // the sum, and all that was copied, before the number that tells of it
  to->sequence = sequence;
}

template <class Kind, bool pack, bool sum>
__global__ void __launch_bounds__(kCopyThreads)
    copy_kernel(const __grid_constant__ CopyPlan plan, const __grid_constant__ KernelDone done) {
  uint64_t part = copy_lane<Kind, pack, sum>(plan, blockIdx.x * blockDim.x + threadIdx.x,
                                             gridDim.x * blockDim.x);
  if (sum) {
#pragma unroll
    for (uint32_t apart = kWarpLanes / 2; apart > 0; apart /= 2) {
      part += __shfl_xor_sync(0xffffffffu, part, apart);
    }
    if (threadIdx.x % kWarpLanes == 0) atomicAdd(done.sum, static_cast<Counter>(part));
  }
  __syncthreads();
  if (threadIdx.x != 0) return;
  // Everything that this block wrote, also into a peer's memory, is visible to whoever sees the
  // count (the barrier before and this fence carry the other threads' writes along).
  __threadfence_system();
  if (atomicAdd(done.blocks, Counter{1}) != gridDim.x - 1) return;
  const uint64_t total = sum ? atomicExch(done.sum, Counter{0}) : 0;
  *done.blocks = 0;
  write_mark(done.mark, total, done.sequence);
}

__global__ void mark_kernel(Mark* mark, uint64_t sequence) {
  __threadfence_system();
  write_mark(mark, 0, sequence);
}

using Kernel = void (*)(CopyPlan, KernelDone);

template <class Kind>
Kernel pick_kernel(bool pack, bool sum) {
  if (pack) return sum ? &copy_kernel<Kind, true, true> : &copy_kernel<Kind, true, false>;
  return sum ? &copy_kernel<Kind, false, true> : &copy_kernel<Kind, false, false>;
}

Kernel kernel_for(const CopyPlan& plan, bool pack) {
  Kernel kernel = nullptr;
  with_kind(plan.kind, [&]<class Kind>() { kernel = pick_kernel<Kind>(pack, plan.sum); });
  return kernel;
}

}  // namespace

cudaError_t launch_copy_kernel(const CopyLaunch& launch, cudaStream_t stream) {
  KernelDone done = {reinterpret_cast<Counter*>(&launch.counters->sum),
                     reinterpret_cast<Counter*>(&launch.counters->blocks), launch.mark,
                     launch.sequence};
  CopyPlan plan = launch.plan;
  void* arguments[] = {&plan, &done};
  return cudaLaunchKernel(reinterpret_cast<const void*>(kernel_for(plan, launch.pack)),
                          dim3(launch.blocks), dim3(kCopyThreads), arguments, 0, stream);
}

cudaError_t launch_mark_kernel(Mark* mark, uint64_t sequence, cudaStream_t stream) {
  void* arguments[] = {&mark, &sequence};
  return cudaLaunchKernel(reinterpret_cast<const void*>(&mark_kernel), dim3(1), dim3(1), arguments,
                          0, stream);
}

cudaError_t load_copy_kernels() {
  cudaFuncAttributes attributes = {};
  cudaError_t error = cudaFuncGetAttributes(&attributes, mark_kernel);
  for (uint32_t kind = 0; kind < kCopyKinds; ++kind) {
    for (const bool pack : {false, true}) {
      for (const bool sum : {false, true}) {
        CopyPlan plan = {};
        plan.kind = static_cast<CopyKind>(kind);
        plan.sum = sum;
        if (error == cudaSuccess)
          error = cudaFuncGetAttributes(&attributes, kernel_for(plan, pack));
      }
    }
  }
  return error;
}

int copy_kernel_occupancy(const CopyPlan& plan, bool pack) {
  int blocks = 0;
  const cudaError_t error = cudaOccupancyMaxActiveBlocksPerMultiprocessor(
      &blocks, kernel_for(plan, pack), static_cast<int>(kCopyThreads), 0);
  return error == cudaSuccess ? blocks : 0;
}

}  // namespace hexagent::transport
