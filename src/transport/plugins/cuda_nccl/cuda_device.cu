// The real device: see cuda_device.h.
#include <cuda_runtime.h>

#include <cstring>

#include "transport/plugins/cuda_nccl/copy_kernels.h"
#include "transport/plugins/cuda_nccl/cuda_device.h"

namespace hexagent::transport {
namespace {

static_assert(sizeof(cudaIpcMemHandle_t) == kIpcHandleBytes);
static_assert(sizeof(cudaUUID_t) == kDeviceUuidBytes);

// A failed call leaves its error behind for the host's next check of its own; take it away.
hexagent_status as_status(cudaError_t error) {
  if (error == cudaSuccess) return HEXAGENT_OK;
  cudaGetLastError();
  return HEXAGENT_E_SYSTEM;
}

template <class Pointer>
Pointer or_null(cudaError_t error, Pointer result) {
  if (error == cudaSuccess) return result;
  cudaGetLastError();
  return nullptr;
}

class CudaDevice : public DeviceRuntime {
 public:
  CudaDevice(int device, const cudaDeviceProp& properties) : device_(device) {
    std::memcpy(uuid_, &properties.uuid, sizeof(uuid_));
  }

  int32_t enter() override {
    int before = device_;
    cudaGetDevice(&before);
    if (before != device_) cudaSetDevice(device_);
    return before;
  }
  void leave(int32_t before) override {
    if (before != device_) cudaSetDevice(before);
  }

  void uuid(unsigned char* out) const override { std::memcpy(out, uuid_, sizeof(uuid_)); }
  bool owns(uint64_t address) override {
    cudaPointerAttributes attributes = {};
    const cudaError_t error =
        cudaPointerGetAttributes(&attributes, reinterpret_cast<const void*>(address));
    if (error != cudaSuccess) {
      cudaGetLastError();
      return false;
    }
    return attributes.type == cudaMemoryTypeDevice && attributes.device == device_;
  }
  hexagent_status health() override {
    const cudaError_t error = cudaStreamQuery(cudaStreamPerThread);
    return error == cudaErrorNotReady ? HEXAGENT_OK : as_status(error);
  }

  void* allocate(size_t bytes) override {
    void* memory = nullptr;
    if (or_null(cudaMalloc(&memory, bytes), memory) == nullptr) return nullptr;
    // In a stream of our own: the default one may have the engine's work in it.
    DeviceStream stream = make_stream();
    bool zero = stream != nullptr &&
                cudaMemsetAsync(memory, 0, bytes, static_cast<cudaStream_t>(stream)) == cudaSuccess;
    if (stream != nullptr) {
      zero = zero && cudaStreamSynchronize(static_cast<cudaStream_t>(stream)) == cudaSuccess;
      release_stream(stream);
    }
    if (zero) return memory;
    cudaGetLastError();
    cudaFree(memory);
    return nullptr;
  }
  void release(void* memory) override { cudaFree(memory); }
  void* allocate_pinned(size_t bytes) override {
    void* memory = nullptr;
    const unsigned flags = cudaHostAllocPortable | cudaHostAllocMapped;
    memory = or_null(cudaHostAlloc(&memory, bytes, flags), memory);
    if (memory != nullptr) std::memset(memory, 0, bytes);
    return memory;
  }
  void release_pinned(void* memory) override { cudaFreeHost(memory); }

  bool export_memory(void* memory, unsigned char* handle) override {
    cudaIpcMemHandle_t exported;
    if (cudaIpcGetMemHandle(&exported, memory) != cudaSuccess) {
      cudaGetLastError();
      return false;
    }
    std::memcpy(handle, &exported, sizeof(exported));
    return true;
  }
  void* import_memory(const unsigned char* handle) override {
    cudaIpcMemHandle_t exported;
    std::memcpy(&exported, handle, sizeof(exported));
    void* memory = nullptr;
    const cudaError_t error =
        cudaIpcOpenMemHandle(&memory, exported, cudaIpcMemLazyEnablePeerAccess);
    return or_null(error, memory);
  }
  void release_import(void* memory) override { cudaIpcCloseMemHandle(memory); }

  DeviceStream make_stream() override {
    int least = 0;
    int greatest = 0;
    cudaDeviceGetStreamPriorityRange(&least, &greatest);
    cudaStream_t stream = nullptr;
    // The engine's own kernels go first.
    return or_null(cudaStreamCreateWithPriority(&stream, cudaStreamNonBlocking, least), stream);
  }
  void release_stream(DeviceStream stream) override {
    cudaStreamSynchronize(static_cast<cudaStream_t>(stream));
    cudaStreamDestroy(static_cast<cudaStream_t>(stream));
  }

  hexagent_status event_state(void* event) override {
    const cudaError_t error = cudaEventQuery(static_cast<cudaEvent_t>(event));
    if (error == cudaSuccess) return HEXAGENT_OK;
    cudaGetLastError();
    return error == cudaErrorNotReady ? HEXAGENT_E_AGAIN : HEXAGENT_E_SYSTEM;
  }

  hexagent_status upload(void* to, const void* from, size_t bytes, DeviceStream stream) override {
    return as_status(cudaMemcpyAsync(to, from, bytes, cudaMemcpyHostToDevice,
                                     static_cast<cudaStream_t>(stream)));
  }
  hexagent_status launch_copy(const CopyLaunch& launch, DeviceStream stream) override {
    return as_status(launch_copy_kernel(launch, static_cast<cudaStream_t>(stream)));
  }
  hexagent_status launch_mark(Mark* mark, uint64_t sequence, DeviceStream stream) override {
    return as_status(launch_mark_kernel(mark, sequence, static_cast<cudaStream_t>(stream)));
  }

 private:
  int device_;
  unsigned char uuid_[kDeviceUuidBytes];
};

}  // namespace

uint32_t cuda_device_count() {
  int count = 0;
  if (cudaGetDeviceCount(&count) == cudaSuccess && count > 0) return static_cast<uint32_t>(count);
  cudaGetLastError();
  return 0;
}

hexagent_status open_cuda_device(uint32_t ordinal, std::unique_ptr<DeviceRuntime>* out) {
  if (ordinal >= cuda_device_count()) return HEXAGENT_E_NO_DEVICE;
  const int device = static_cast<int>(ordinal);
  cudaDeviceProp properties = {};
  if (cudaGetDeviceProperties(&properties, device) != cudaSuccess) {
    cudaGetLastError();
    return HEXAGENT_E_SYSTEM;
  }
  auto made = std::make_unique<CudaDevice>(device, properties);
  const DeviceScope scope(made.get());
  if (load_copy_kernels() != cudaSuccess) {
    cudaGetLastError();
    return HEXAGENT_E_SYSTEM;
  }
  *out = std::move(made);
  return HEXAGENT_OK;
}

}  // namespace hexagent::transport
