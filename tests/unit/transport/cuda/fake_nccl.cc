// The scripted NCCL: see fake_nccl.h. Two communicators with one id are a pair; a send and a
// receive of the same number meet, whichever comes first.
#include "unit/transport/cuda/fake_nccl.h"

#include <chrono>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "transport/plugins/cuda_nccl/nccl_api.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using hexagent::transport::NcclId;

struct Meeting {
  const void* from = nullptr;
  void* to = nullptr;
  size_t from_bytes = 0;
  size_t to_bytes = 0;
  bool done = false;
};

struct Pair {
  std::vector<std::shared_ptr<Meeting>> meetings;
  int ranks = 0;
};

struct Comm {
  std::shared_ptr<Pair> pair;
  int rank = 0;
  int polls = 0;  // of "in progress" to come
  bool joined = false;
  bool ended = false;  // revoked or aborted: kernels give up
  size_t next = 0;     // operation
};

struct Operation {
  std::shared_ptr<Comm> comm;
  std::shared_ptr<Meeting> meeting;
};

std::mutex mutex;
FakeNcclScript script;
std::map<std::string, std::shared_ptr<Pair>> pairs;
std::map<Comm*, std::shared_ptr<Comm>> comms;
// On some stream; never destroyed, since a stream may outlive this library's last breath.
auto& operations = *new std::map<Operation*, std::unique_ptr<Operation>>;

bool attempt(void* context) {
  auto* operation = static_cast<Operation*>(context);
  const std::lock_guard<std::mutex> lock(mutex);
  Meeting& meeting = *operation->meeting;
  bool over = operation->comm->ended || meeting.done;
  if (!over && meeting.from != nullptr && meeting.to != nullptr && script.complete_most != 0) {
    if (script.complete_most > 0) --script.complete_most;
    if (meeting.from_bytes != meeting.to_bytes) std::abort();
    std::memcpy(meeting.to, meeting.from, meeting.from_bytes);
    if (meeting.from_bytes > 16 && script.flip_one > 0) {
      --script.flip_one;
      static_cast<unsigned char*>(meeting.to)[meeting.from_bytes / 2] ^= 4;
    }
    meeting.done = over = true;
  }
  if (over) operations.erase(operation);
  return over;
}

int32_t enqueue(Comm* raw, const void* from, void* to, size_t bytes, void* stream) {
  std::unique_lock<std::mutex> lock(mutex);
  const std::shared_ptr<Comm> comm = comms.at(raw);
  if (comm->polls > 0 || comm->ended) ++script.unsettled_calls;
  const size_t number = comm->next++;
  auto& meetings = comm->pair->meetings;
  if (meetings.size() <= number) meetings.resize(number + 1);
  if (meetings[number] == nullptr) meetings[number] = std::make_shared<Meeting>();
  Meeting& meeting = *meetings[number];
  if (from != nullptr) {
    meeting.from = from;
    meeting.from_bytes = bytes;
    ++script.sends;
  } else {
    meeting.to = to;
    meeting.to_bytes = bytes;
    ++script.receives;
  }
  comm->polls = script.enqueue_polls;
  const bool in_progress = comm->polls > 0;
  auto owned = std::make_unique<Operation>(Operation{comm, meetings[number]});
  Operation* operation = owned.get();
  operations[operation] = std::move(owned);
  lock.unlock();
  script.enqueue(stream, attempt, operation);
  return in_progress ? hexagent::transport::kNcclInProgress : hexagent::transport::kNcclSuccess;
}

}  // namespace

EXPORT FakeNcclScript* fake_nccl_script() { return &script; }

EXPORT int32_t ncclGetVersion(int32_t* version) {
  *version = script.version != 0 ? script.version.load() : 22809;
  return 0;
}

EXPORT int32_t ncclGetUniqueId(NcclId* id) {
  static std::atomic<uint32_t> next = 1;
  std::memset(id, 0, sizeof(*id));
  const uint32_t number = next++;
  std::memcpy(id->bytes, &number, sizeof(number));
  // Both halves count.
  std::memcpy(id->bytes + sizeof(id->bytes) - sizeof(number), &number, sizeof(number));
  return 0;
}

EXPORT int32_t ncclCommInitRankConfig(void** out, int32_t ranks, NcclId id, int32_t rank,
                                      hexagent::transport::NcclConfig* config) {
  const std::lock_guard<std::mutex> lock(mutex);
  *out = nullptr;
  if (ranks != 2 || config->blocking != 0 || script.refuse_connect) return 1;
  auto comm = std::make_shared<Comm>();
  std::shared_ptr<Pair>& pair = pairs[std::string(id.bytes, sizeof(id.bytes))];
  if (pair == nullptr) pair = std::make_shared<Pair>();
  ++pair->ranks;
  comm->pair = pair;
  comm->rank = rank;
  comm->polls = script.connect_polls;
  *out = comm.get();
  comms[comm.get()] = comm;
  ++script.alive;
  return hexagent::transport::kNcclInProgress;
}

EXPORT int32_t ncclCommGetAsyncError(void* raw, int32_t* error) {
  const std::lock_guard<std::mutex> lock(mutex);
  Comm& comm = *comms.at(static_cast<Comm*>(raw));
  *error = hexagent::transport::kNcclInProgress;
  if (script.fail_async) {
    *error = hexagent::transport::kNcclRemoteError;
    return 0;
  }
  if (comm.polls > 0) {
    --comm.polls;
    return 0;
  }
  if (!comm.joined) {
    if (comm.pair->ranks < 2 || script.never_connect) return 0;
    comm.joined = true;
    ++script.connected;
  }
  *error = 0;
  return 0;
}

EXPORT int32_t ncclCommRevoke(void* raw, int32_t) {
  const std::lock_guard<std::mutex> lock(mutex);
  comms.at(static_cast<Comm*>(raw))->ended = true;
  ++script.revoked;
  return 0;
}

EXPORT int32_t ncclCommAbort(void* raw) {
  if (script.abort_ms > 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(script.abort_ms));
  }
  const std::lock_guard<std::mutex> lock(mutex);
  comms.at(static_cast<Comm*>(raw))->ended = true;
  comms.erase(static_cast<Comm*>(raw));
  ++script.aborted;
  --script.alive;
  return 0;
}

EXPORT int32_t ncclSend(const void* from, size_t count, int32_t, int32_t peer, void* comm,
                        void* stream) {
  if (peer != 0) return 4;
  return enqueue(static_cast<Comm*>(comm), from, nullptr, count, stream);
}

EXPORT int32_t ncclRecv(void* to, size_t count, int32_t, int32_t peer, void* comm, void* stream) {
  if (peer != 1) return 4;
  return enqueue(static_cast<Comm*>(comm), nullptr, to, count, stream);
}

EXPORT int32_t ncclGroupStart() { return 0; }

EXPORT int32_t ncclGroupEnd() { return 0; }
