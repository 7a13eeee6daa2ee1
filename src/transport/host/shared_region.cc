// SharedRegion: see shared_region.h.
#include "transport/host/shared_region.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

namespace hexagent::transport {
namespace {

constexpr uint32_t kMagic = 0x52584548;  // "HEXR"
constexpr int kSeals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

// Closes a descriptor that nobody has taken over.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  int take() {
    const int number = number_;
    number_ = -1;
    return number;
  }

 private:
  int number_;
};

}  // namespace

hexagent_status SharedRegion::map(int descriptor, size_t bytes) {
  void* mapping =
      mmap(nullptr, kHeaderBytes + bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (mapping == MAP_FAILED) return HEXAGENT_E_NO_MEMORY;
  mapping_ = static_cast<unsigned char*>(mapping);
  bytes_ = bytes;
  return HEXAGENT_OK;
}

hexagent_status SharedRegion::create(size_t bytes, std::unique_ptr<SharedRegion>* out) {
  std::unique_ptr<SharedRegion> region(new SharedRegion);
  Descriptor file(memfd_create("hexagent-staging", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (file.get() < 0) return HEXAGENT_E_SYSTEM;
  if (ftruncate(file.get(), static_cast<off_t>(kHeaderBytes + bytes)) != 0) {
    return HEXAGENT_E_NO_MEMORY;
  }
  if (fcntl(file.get(), F_ADD_SEALS, kSeals) != 0) return HEXAGENT_E_SYSTEM;
  const hexagent_status status = region->map(file.get(), bytes);
  if (status != HEXAGENT_OK) return status;
  RegionAddress header = {};
  header.magic = kMagic;
  if (getrandom(header.cookie, sizeof(header.cookie), 0) != ssize_t{sizeof(header.cookie)}) {
    return HEXAGENT_E_SYSTEM;
  }
  region->descriptor_ = file.take();
  header.process = static_cast<uint32_t>(getpid());
  header.descriptor = static_cast<uint32_t>(region->descriptor_);
  header.bytes = bytes;
  std::memcpy(region->mapping_, &header, sizeof(header));
  *out = std::move(region);
  return HEXAGENT_OK;
}

hexagent_status SharedRegion::open(const RegionAddress& address, size_t bytes,
                                   std::unique_ptr<SharedRegion>* out) {
  if (address.magic != kMagic || address.bytes != bytes) return HEXAGENT_E_SYSTEM;
  char path[64];
  std::snprintf(path, sizeof(path), "/proc/%u/fd/%u", address.process, address.descriptor);
  const Descriptor file(::open(path, O_RDWR | O_CLOEXEC));
  if (file.get() < 0) return HEXAGENT_E_SYSTEM;
  struct stat found = {};
  if (fstat(file.get(), &found) != 0 || found.st_size != static_cast<off_t>(kHeaderBytes + bytes)) {
    return HEXAGENT_E_SYSTEM;
  }
  // Without the seal its owner could cut it, and our next access would be a SIGBUS in the host.
  const int seals = fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0) return HEXAGENT_E_SYSTEM;
  std::unique_ptr<SharedRegion> region(new SharedRegion);
  const hexagent_status status = region->map(file.get(), bytes);
  if (status != HEXAGENT_OK) return status;
  RegionAddress header = {};
  std::memcpy(&header, region->mapping_, sizeof(header));
  if (std::memcmp(header.cookie, address.cookie, sizeof(header.cookie)) != 0) {
    return HEXAGENT_E_SYSTEM;
  }
  *out = std::move(region);
  return HEXAGENT_OK;
}

SharedRegion::~SharedRegion() {
  if (mapping_ != nullptr) munmap(mapping_, kHeaderBytes + bytes_);
  if (descriptor_ >= 0) close(descriptor_);
}

RegionAddress SharedRegion::address() const {
  RegionAddress header = {};
  std::memcpy(&header, mapping_, sizeof(header));
  return header;
}

}  // namespace hexagent::transport
