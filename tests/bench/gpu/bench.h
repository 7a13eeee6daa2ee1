// What the rows of the GPU benchmark share: device memory, time by events, medians, the table.
#pragma once

#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <vector>

namespace hexagent::transport::bench {

inline void must(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::printf("\nFAILED: %s: %s\n", what, cudaGetErrorString(error));
  std::exit(1);
}

inline std::string text(const char* format, ...) {
  char buffer[256];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(buffer, sizeof(buffer), format, arguments);
  va_end(arguments);
  return buffer;
}

class DeviceBuffer {
 public:
  explicit DeviceBuffer(size_t bytes) : bytes_(bytes) {
    void* memory = nullptr;
    must(cudaMalloc(&memory, bytes), "device memory");
    memory_ = static_cast<unsigned char*>(memory);
  }
  ~DeviceBuffer() { cudaFree(memory_); }
  DeviceBuffer(const DeviceBuffer&) = delete;
  DeviceBuffer& operator=(const DeviceBuffer&) = delete;

  unsigned char* data() const { return memory_; }
  size_t bytes() const { return bytes_; }
  uint64_t address() const { return reinterpret_cast<uintptr_t>(memory_); }

 private:
  unsigned char* memory_;
  size_t bytes_;
};

class Stream {
 public:
  Stream() { must(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "stream"); }
  ~Stream() { cudaStreamDestroy(stream_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  operator cudaStream_t() const { return stream_; }  // NOLINT: it is one
  void wait() const { must(cudaStreamSynchronize(stream_), "stream"); }

 private:
  cudaStream_t stream_ = nullptr;
};

class Event {
 public:
  Event() { must(cudaEventCreate(&event_), "event"); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  operator cudaEvent_t() const { return event_; }  // NOLINT: it is one

 private:
  cudaEvent_t event_ = nullptr;
};

inline double percentile(std::vector<double> values, double part) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const auto at = static_cast<size_t>(part * static_cast<double>(values.size() - 1) + 0.5);
  return values[at];
}

inline double median(const std::vector<double>& values) { return percentile(values, 0.5); }

inline constexpr int kRepeats = 11;

// Median seconds of what `work` puts into the stream, after one run that does not count.
inline double seconds_of(cudaStream_t stream, const std::function<void()>& work) {
  Event begin;
  Event end;
  std::vector<double> times;
  for (int round = 0; round <= kRepeats; ++round) {
    must(cudaEventRecord(begin, stream), "event");
    work();
    must(cudaEventRecord(end, stream), "event");
    must(cudaEventSynchronize(end), "a benchmarked kernel");
    float ms = 0;
    must(cudaEventElapsedTime(&ms, begin, end), "event");
    if (round > 0) times.push_back(static_cast<double>(ms) * 1e-3);
  }
  return median(times);
}

struct Table {
  std::vector<std::string> lines;
  int missed = 0;

  // `reached` is what decides; a row without a demand is told by `row_of_note`.
  void row(const char* name, const std::string& what, const std::string& demanded,
           const std::string& measured, bool reached) {
    lines.push_back(text("| %s | %s | %s | %s | %s |", name, what.c_str(), demanded.c_str(),
                         measured.c_str(), reached ? "reached" : "MISSED"));
    missed += reached ? 0 : 1;
  }
  void note(const char* name, const std::string& what, const std::string& measured) {
    lines.push_back(text("| %s | %s | | %s | |", name, what.c_str(), measured.c_str()));
  }
  void print() const {
    std::printf("| row | what | demanded | measured | |\n|---|---|---|---|---|\n");
    for (const std::string& line : lines) std::printf("%s\n", line.c_str());
  }
};

// Each in a file of its own. `plugin` is the path of hexagent_cuda.so, `nccl` that of NCCL or null.
int check_copies();                                                // copies that went wrong
int check_transfers(const char* plugin);                           // likewise
double copy_reference(Table* table);                               // bytes/s, read and write
void copy_rows(double reference, Table* table);                    // A1 - A3
void nccl_rows(const char* nccl, double reference, Table* table);  // A4, A5
void transfer_rows(const char* plugin, Table* table);              // A9 - A11
void overlap_row(const char* plugin, Table* table);                // A12
int process_rows(const char* plugin, Table* table);                // two processes; wrong
[[noreturn]] void be_process(const char* plugin, int socket);      // the other one
int cancel_row(const char* plugin, Table* table);                  // A15; late writes

}  // namespace hexagent::transport::bench
