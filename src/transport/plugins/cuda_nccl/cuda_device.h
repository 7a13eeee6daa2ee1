// The real device, through the CUDA runtime that is linked into the plugin.
#pragma once

#include <memory>

#include "transport/plugins/cuda_nccl/device_runtime.h"

namespace hexagent::transport {

// Devices that can be used; 0 without any, or without a driver. Reads the driver's state, which the
// first time takes as long as the driver needs to start.
uint32_t cuda_device_count();

// HEXAGENT_OK, HEXAGENT_E_NO_DEVICE (no such ordinal) or HEXAGENT_E_SYSTEM.
hexagent_status open_cuda_device(uint32_t ordinal, std::unique_ptr<DeviceRuntime>* out);

}  // namespace hexagent::transport
