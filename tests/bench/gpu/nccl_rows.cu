// Rows A4 and A5: NCCL with itself, as far as one device shows it, and the pipeline of pack, NCCL and
// unpack. A communicator of one rank; what two devices do is not measured here.
#include "bench_copy.h"
#include "transport/plugins/cuda_nccl/nccl_api.h"

namespace hexagent::transport::bench {
namespace {

void must_nccl(int32_t result, const char* what) {
  if (result == kNcclSuccess) return;
  std::printf("\nFAILED: %s: NCCL says %d\n", what, result);
  std::exit(1);
}

class SelfLoop {
 public:
  SelfLoop(const NcclApi& api, int32_t ctas) : api_(api) {
    NcclId id;
    must_nccl(api_.get_unique_id(&id), "id");
    NcclConfig config = nccl_config(ctas);
    config.blocking = 1;
    must_nccl(api_.comm_init_rank_config(&comm_, 1, id, 0, &config), "communicator of one rank");
  }
  ~SelfLoop() { api_.comm_abort(comm_); }
  SelfLoop(const SelfLoop&) = delete;
  SelfLoop& operator=(const SelfLoop&) = delete;

  void move(const void* from, void* to, size_t bytes, cudaStream_t stream) const {
    must_nccl(api_.group_start(), "group");
    must_nccl(api_.send(from, bytes, kNcclInt8, 0, comm_, stream), "send");
    must_nccl(api_.receive(to, bytes, kNcclInt8, 0, comm_, stream), "receive");
    must_nccl(api_.group_end(), "group");
  }

 private:
  NcclApi api_;
  NcclComm comm_ = nullptr;
};

void loop_rows(const NcclApi& api, double reference, Table* table) {
  constexpr size_t kMost = size_t{64} << 20;
  DeviceBuffer from(kMost);
  DeviceBuffer to(kMost);
  Stream stream;
  for (const int32_t ctas : {4, 16, 64}) {
    const SelfLoop loop(api, ctas);
    for (const size_t mib : {size_t{1}, size_t{4}, size_t{16}, size_t{64}}) {
      const size_t bytes = mib << 20;
      const double seconds =
          seconds_of(stream, [&] { loop.move(from.data(), to.data(), bytes, stream); });
      const double share = 2 * static_cast<double>(bytes) / seconds / reference;
      const std::string what = text("NCCL with itself, %zu MiB, %d blocks", mib, ctas);
      const std::string measured = text("%.0f %% of the device's copy", 100 * share);
      if (mib == 64 && ctas == 64) {
        table->row("A4", what, "75 %, wanted 90", measured, share >= 0.75);
      } else {
        table->note("A4", what, measured);
      }
    }
  }
}

// Three slots: each stage of a chunk waits for the one before, and a slot for its last reader.
struct Pipeline {
  static constexpr uint32_t kSlots = 3;
  static constexpr uint64_t kSlotBytes = uint64_t{16} << 20;
  const SelfLoop& loop;
  const BenchCopy& pack;
  const BenchCopy& unpack;
  DeviceBuffer out{kSlots * kSlotBytes};
  DeviceBuffer in{kSlots * kSlotBytes};
  Stream streams[3];
  Event done[3][kSlots];

  void run(bool packs, bool moves, bool unpacks, cudaStream_t first, uint64_t fragment) const {
    const uint64_t per_chunk = kSlotBytes / fragment;
    const uint64_t chunks = pack.fragments() / per_chunk;
    Event begin;
    must(cudaEventRecord(begin, first), "event");
    for (const Stream& stream : streams) must(cudaStreamWaitEvent(stream, begin), "event");
    for (uint64_t chunk = 0; chunk < chunks; ++chunk) {
      const uint64_t slot = chunk % kSlots;
      unsigned char* from = out.data() + slot * kSlotBytes;
      unsigned char* to = in.data() + slot * kSlotBytes;
      const bool again = chunk >= kSlots;
      if (again) must(cudaStreamWaitEvent(streams[0], done[1][slot]), "event");
      if (packs) {
        const auto launch = pack.launch(true, true, 16, chunk * per_chunk, per_chunk, from);
        must(launch_copy_kernel(launch, streams[0]), "launch");
      }
      must(cudaEventRecord(done[0][slot], streams[0]), "event");
      must(cudaStreamWaitEvent(streams[1], done[0][slot]), "event");
      if (again) must(cudaStreamWaitEvent(streams[1], done[2][slot]), "event");
      if (moves) loop.move(from, to, kSlotBytes, streams[1]);
      must(cudaEventRecord(done[1][slot], streams[1]), "event");
      must(cudaStreamWaitEvent(streams[2], done[1][slot]), "event");
      if (unpacks) {
        const auto launch = unpack.launch(false, true, 16, chunk * per_chunk, per_chunk, to);
        must(launch_copy_kernel(launch, streams[2]), "launch");
      }
      must(cudaEventRecord(done[2][slot], streams[2]), "event");
    }
    for (uint32_t slot = 0; slot < kSlots; ++slot) {
      must(cudaStreamWaitEvent(first, done[2][slot]), "event");
    }
  }
};

void pipeline_row(const NcclApi& api, Table* table) {
  constexpr uint64_t kPayload = uint64_t{2} << 30;
  constexpr uint32_t kFragment = 16u << 10;
  DeviceBuffer source(2 * kPayload);
  DeviceBuffer target(2 * kPayload);
  const SelfLoop loop(api, 16);
  const BenchCopy pack(kPayload, kFragment, source, nullptr);
  const BenchCopy unpack(kPayload, kFragment, target, nullptr);
  const Pipeline pipeline{loop, pack, unpack};
  Stream stream;
  const auto time = [&](bool packs, bool moves, bool unpacks) {
    return seconds_of(stream, [&] { pipeline.run(packs, moves, unpacks, stream, kFragment); });
  };
  const double whole = time(true, true, true);
  const double stages[] = {time(true, false, false), time(false, true, false),
                           time(false, false, true)};
  const double slowest = *std::max_element(std::begin(stages), std::end(stages));
  table->row("A5", "pack, NCCL with itself, unpack, 2 GiB, 16 blocks each",
             "80 % of the slowest stage",
             text("%.0f %% (%.0f GB/s; stages %.0f, %.0f, %.0f)", 100 * slowest / whole,
                  1e-9 * kPayload / whole, 1e-9 * kPayload / stages[0], 1e-9 * kPayload / stages[1],
                  1e-9 * kPayload / stages[2]),
             slowest / whole >= 0.8);
}

}  // namespace

void nccl_rows(const char* nccl, double reference, Table* table) {
  NcclApi api = {};
  if (load_nccl(nccl, &api) != HEXAGENT_OK) {
    table->note("A4, A5", "NCCL", "not measured: there is no libnccl.so.2");
    return;
  }
  table->note("", "NCCL", text("version %d", api.version));
  loop_rows(api, reference, table);
  pipeline_row(api, table);
}

}  // namespace hexagent::transport::bench
