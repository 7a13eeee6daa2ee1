// Rows A1 to A3: pack and unpack against the device's own copy, with the checksum, with few blocks,
// and beside a matrix product.
#include <memory>

#include "bench_copy.h"

namespace hexagent::transport::bench {
namespace {

constexpr uint64_t kPayload = uint64_t{2} << 30;
constexpr uint32_t kTile = 32;
constexpr uint32_t kSide = 4096;

// A plain product of matrices, as work that a pack should not slow down.
__global__ void product(const float* a, const float* b, float* c, uint32_t side) {
  __shared__ float left[kTile][kTile];
  __shared__ float right[kTile][kTile + 1];
  const uint32_t row = blockIdx.y * kTile + threadIdx.y;
  const uint32_t column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (uint32_t at = 0; at < side; at += kTile) {
    left[threadIdx.y][threadIdx.x] = a[row * side + at + threadIdx.x];
    right[threadIdx.y][threadIdx.x] = b[(at + threadIdx.y) * side + column];
    __syncthreads();
    for (uint32_t i = 0; i < kTile; ++i) sum += left[threadIdx.y][i] * right[i][threadIdx.x];
    __syncthreads();
  }
  c[row * side + column] = sum;
}

double rate(const Stream& stream, const BenchCopy& copy, bool pack, bool sum, uint32_t ctas) {
  const CopyLaunch launch = copy.launch_all(pack, sum, ctas);
  const double seconds =
      seconds_of(stream, [&] { must(launch_copy_kernel(launch, stream), "launch"); });
  return static_cast<double>(copy.payload()) / seconds;
}

void fragment_row(uint32_t kib, const BenchCopy& copy, double reference, Table* table) {
  Stream stream;
  double share[2][2];
  for (const bool pack : {true, false}) {
    for (const bool sum : {false, true}) {
      share[pack][sum] = 2 * rate(stream, copy, pack, sum, 0) / reference;
    }
  }
  const double least = kib >= 4 ? 0.85 : 0.60;
  table->row("A1", text("pack / unpack, fragments of %u KiB, whole device", kib),
             text("%.0f %% of the device's copy", 100 * least),
             text("%.0f / %.0f %%", 100 * share[1][0], 100 * share[0][0]),
             share[1][0] >= least && share[0][0] >= least);
  const double with_sum[] = {share[0][1] / share[0][0], share[1][1] / share[1][0]};
  table->row("A2", text("the same with the checksum, %u KiB", kib), "92 % of A1",
             text("%.0f / %.0f %%", 100 * with_sum[1], 100 * with_sum[0]),
             with_sum[0] >= 0.92 && with_sum[1] >= 0.92);
}

void small_grid_rows(const BenchCopy& copy, Table* table) {
  Stream stream;
  for (const uint32_t ctas : {4u, 16u, 64u}) {
    const double pack = rate(stream, copy, true, false, ctas);
    const double unpack = rate(stream, copy, false, false, ctas);
    const std::string measured = text("%.0f / %.0f GB/s", pack * 1e-9, unpack * 1e-9);
    const std::string what = text("pack / unpack with %u blocks, payload", ctas);
    if (ctas == 16) {
      table->row("A3", what, "pack 400 GB/s", measured, pack >= 400e9);
    } else {
      table->note("A3", what, measured);
    }
  }
}

void beside_product_row(const BenchCopy& copy, Table* table) {
  const size_t bytes = size_t{kSide} * kSide * sizeof(float);
  DeviceBuffer a(bytes);
  DeviceBuffer b(bytes);
  DeviceBuffer c(bytes);
  must(cudaMemset(a.data(), 0, bytes), "matrix");
  must(cudaMemset(b.data(), 0, bytes), "matrix");
  Stream work;
  Stream copying;
  const auto multiply = [&] {
    product<<<dim3(kSide / kTile, kSide / kTile), dim3(kTile, kTile), 0, work>>>(
        reinterpret_cast<const float*>(a.data()), reinterpret_cast<const float*>(b.data()),
        reinterpret_cast<float*>(c.data()), kSide);
  };
  const double alone = seconds_of(work, multiply);
  const CopyLaunch launch = copy.launch_all(true, true, 16);
  const double beside = seconds_of(work, [&] {
    // Enough of them to last as long as the product does.
    for (int i = 0; i < 8; ++i) must(launch_copy_kernel(launch, copying), "launch");
    multiply();
  });
  copying.wait();
  const double slower = beside / alone - 1;
  table->row("A3", "a matrix product beside a pack of 16 blocks", "8 % slower at most",
             text("%.1f %%", 100 * slower), slower < 0.08);
}

}  // namespace

double copy_reference(Table* table) {
  DeviceBuffer from(kPayload);
  DeviceBuffer to(kPayload);
  Stream stream;
  const double seconds = seconds_of(stream, [&] {
    must(cudaMemcpyAsync(to.data(), from.data(), kPayload, cudaMemcpyDeviceToDevice, stream),
         "copy");
  });
  const double reference = 2 * static_cast<double>(kPayload) / seconds;
  table->note("", "the device's own copy, read and write", text("%.0f GB/s", reference * 1e-9));
  return reference;
}

void copy_rows(double reference, Table* table) {
  DeviceBuffer pool(2 * kPayload);
  DeviceBuffer staged(kPayload);
  for (const uint32_t kib : {1u, 4u, 8u, 16u, 32u, 64u, 256u}) {
    const BenchCopy copy(kPayload, kib << 10, pool, staged.data());
    fragment_row(kib, copy, reference, table);
    if (kib != 16) continue;
    small_grid_rows(copy, table);
    beside_product_row(copy, table);
  }
}

}  // namespace hexagent::transport::bench
