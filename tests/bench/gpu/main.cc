// The benchmark on a GPU: `gpu_bench PLUGIN [NCCL]`. Correctness first; what is wrong is not
// measured. Prints Markdown. Ends with 0 when all is correct, whether or not every row was reached;
// 2 without a device.
#include <cstdlib>
#include <cstring>
#include <ctime>

#include "bench.h"

using namespace hexagent::transport::bench;  // NOLINT: a program

int main(int count, char** arguments) {
  // The second process of process_rows().
  if (count == 4 && std::strcmp(arguments[1], "--source") == 0) {
    be_process(arguments[2], std::atoi(arguments[3]));
  }
  if (count < 2 || count > 3) {
    std::printf("usage: gpu_bench PLUGIN [NCCL]\n");
    return 2;
  }
  const char* plugin = arguments[1];
  cudaDeviceProp device = {};
  if (cudaGetDeviceProperties(&device, 0) != cudaSuccess) {
    std::printf("there is no device here: nothing was measured\n");
    return 2;
  }
  int driver = 0;
  int runtime = 0;
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  char date[32] = {};
  const std::time_t now = std::time(nullptr);
  std::strftime(date, sizeof(date), "%Y-%m-%d", std::gmtime(&now));
  std::printf("%s, %d multiprocessors, driver %d, runtime %d, %s\n\n", device.name,
              device.multiProcessorCount, driver, runtime, date);

  int wrong = check_copies();
  wrong += check_transfers(plugin);
  if (wrong != 0) return 1;
  Table table;
  const double reference = copy_reference(&table);
  copy_rows(reference, &table);
  nccl_rows(count == 3 ? arguments[2] : nullptr, reference, &table);
  transfer_rows(plugin, &table);
  overlap_row(plugin, &table);
  wrong += process_rows(plugin, &table);
  wrong += cancel_row(plugin, &table);
  table.print();
  std::printf("\n%d rows missed what is demanded\n", table.missed);
  return wrong != 0 ? 1 : 0;
}
