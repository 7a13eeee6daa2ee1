// Addresses and notes: see peer_address.h.
#include "transport/plugins/cuda_nccl/peer_address.h"

#include <sys/random.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace hexagent::transport {
namespace {

// FNV-1a. Not against adversaries: the control path is the host's to protect.
uint64_t hash_text(const char* text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *text != 0; ++text) hash = (hash ^ static_cast<unsigned char>(*text)) * 0x100000001b3u;
  return hash;
}

// Containers on one machine share the kernel's boot id, and may still be unable to share memory;
// then opening it fails, and the route is another.
uint64_t read_machine() {
  char text[64] = {};
  std::FILE* file = std::fopen("/proc/sys/kernel/random/boot_id", "re");
  if (file == nullptr) return 0;
  const bool good = std::fgets(text, sizeof(text), file) != nullptr;
  std::fclose(file);
  return good ? hash_text(text) : 0;
}

uint64_t draw_process() {
  uint64_t drawn = 0;
  return getrandom(&drawn, sizeof(drawn), 0) == sizeof(drawn) ? drawn : 0;
}

template <class Note>
MoverNote pack_note(uint32_t peer, const Note& content) {
  MoverNote note;
  note.peer = peer;
  note.size = sizeof(content);
  std::memcpy(note.bytes, &content, sizeof(content));
  return note;
}

}  // namespace

bool read_address(const unsigned char* bytes, size_t size, CudaAddress* out) {
  if (size != sizeof(*out)) return false;
  std::memcpy(out, bytes, sizeof(*out));
  constexpr uint32_t kFlags = kAddressHasIpc | kAddressHasNccl;
  return out->magic == kCudaMagic && (out->flags & ~kFlags) == 0 && out->reserved == 0;
}

uint64_t this_machine() {
  static const uint64_t machine = read_machine();
  return machine;
}

// A child of fork() is another process and has the same memory.
uint64_t this_process() {
  static const uint64_t drawn = draw_process();
  return drawn + static_cast<uint64_t>(getpid()) * 0x9e3779b97f4a7c15u;
}

MoverNote make_route_note(uint32_t peer, Route route) {
  return pack_note(peer, CudaNote{kCudaMagic, NoteKind::kRoute, route, 0, 0, 0, 0});
}

MoverNote make_go_note(uint32_t peer, uint32_t slot, uint32_t generation, uint64_t bytes) {
  return pack_note(peer,
                   CudaNote{kCudaMagic, NoteKind::kGo, Route::kNone, slot, generation, 0, bytes});
}

MoverNote make_id_note(uint32_t peer, const NcclId& id, uint32_t half) {
  CudaIdNote note = {kCudaMagic, NoteKind::kId, half, 0, {}};
  std::memcpy(note.bytes, id.bytes + half * sizeof(note.bytes), sizeof(note.bytes));
  return pack_note(peer, note);
}

bool read_note(const MoverNote& note, CudaNote* out) {
  if (note.size != sizeof(*out)) return false;
  std::memcpy(out, note.bytes, sizeof(*out));
  if (out->magic != kCudaMagic || out->reserved != 0) return false;
  switch (out->kind) {
    case NoteKind::kRoute:
      return out->route == Route::kDirect || out->route == Route::kNccl;
    case NoteKind::kGo:
      return out->route == Route::kNone && out->generation != 0 && out->bytes != 0;
    case NoteKind::kId:
      return false;
  }
  return false;
}

bool read_id_note(const MoverNote& note, CudaIdNote* out) {
  if (note.size != sizeof(*out)) return false;
  std::memcpy(out, note.bytes, sizeof(*out));
  return out->magic == kCudaMagic && out->kind == NoteKind::kId && out->half < 2 &&
         out->reserved == 0;
}

}  // namespace hexagent::transport
