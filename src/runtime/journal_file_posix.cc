// JournalFolder on POSIX. See journal_file.h.
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <system_error>

#include "runtime/journal_file.h"

namespace hexagent {
namespace {

constexpr const char* kLockName = "LOCK";
constexpr mode_t kFileMode = 0640;  // prompts are not in it, but ids and sizes are
constexpr mode_t kFolderMode = 0750;
constexpr uint64_t kReadMax = uint64_t{1} << 32;  // bytes of one segment

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&&) = delete;
  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }

 private:
  int fd_;
};

struct CloseListing {
  void operator()(DIR* listing) const { closedir(listing); }
};

Descriptor open_at(int folder, const char* name, int flags) {
  int fd = -1;
  do {
    fd = openat(folder, name, flags | O_CLOEXEC, kFileMode);
  } while (fd < 0 && errno == EINTR);
  return Descriptor(fd);
}

std::string describe(const std::string& name, const char* action) {
  const int code = errno;
  return name + ": " + action + ": " + std::generic_category().message(code);
}

class PosixFile final : public JournalFile {
 public:
  PosixFile(Descriptor descriptor, std::string name, std::string* trouble)
      : descriptor_(std::move(descriptor)), name_(std::move(name)), trouble_(trouble) {}

  hexagent_status append(const uint8_t* bytes, uint64_t size) override {
    while (size > 0) {
      const ssize_t written = write(descriptor_.get(), bytes, static_cast<size_t>(size));
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return fail("write");
      bytes += written;
      size -= static_cast<uint64_t>(written);
    }
    return HEXAGENT_OK;
  }

  hexagent_status sync() override {
    return fdatasync(descriptor_.get()) == 0 ? HEXAGENT_OK : fail("sync");
  }

 private:
  hexagent_status fail(const char* action) {
    *trouble_ = describe(name_, action);
    return HEXAGENT_E_IO;
  }

  Descriptor descriptor_;
  std::string name_;
  std::string* trouble_;  // the folder's, which lives longer
};

class PosixFolder final : public JournalFolder {
 public:
  PosixFolder(Descriptor folder, Descriptor lock)
      : folder_(std::move(folder)), lock_(std::move(lock)) {}

  hexagent_status list(std::vector<std::string>* names) override {
    // The listing closes the descriptor it is given.
    const int fd = openat(folder_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(".", "open");
    const std::unique_ptr<DIR, CloseListing> listing(fdopendir(fd));
    if (listing == nullptr) {
      close(fd);
      return fail(".", "list");
    }
    errno = 0;
    while (const dirent* entry = readdir(listing.get())) names->emplace_back(entry->d_name);
    return errno == 0 ? HEXAGENT_OK : fail(".", "list");
  }

  hexagent_status read(const std::string& name, std::vector<uint8_t>* bytes) override {
    const Descriptor file = open_at(folder_.get(), name.c_str(), O_RDONLY);
    if (!file.valid()) return fail(name, "open");
    struct stat info = {};
    if (fstat(file.get(), &info) != 0) return fail(name, "stat");
    if (!S_ISREG(info.st_mode) || static_cast<uint64_t>(info.st_size) > kReadMax) {
      errno = EFBIG;
      return fail(name, "read");
    }
    bytes->resize(static_cast<size_t>(info.st_size));
    size_t at = 0;
    while (at < bytes->size()) {
      const ssize_t count = ::read(file.get(), bytes->data() + at, bytes->size() - at);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return fail(name, "read");
      if (count == 0) break;  // a writer cut it meanwhile
      at += static_cast<size_t>(count);
    }
    bytes->resize(at);
    return HEXAGENT_OK;
  }

  hexagent_status size(const std::string& name, uint64_t* bytes) override {
    struct stat info = {};
    if (fstatat(folder_.get(), name.c_str(), &info, 0) != 0) return fail(name, "stat");
    *bytes = static_cast<uint64_t>(info.st_size);
    return HEXAGENT_OK;
  }

  hexagent_status create(const std::string& name, std::unique_ptr<JournalFile>* file) override {
    Descriptor made = open_at(folder_.get(), name.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND);
    if (!made.valid()) return fail(name, "create");
    // In words it bears the name that the writer gives it once its header is on disk.
    *file =
        std::make_unique<PosixFile>(std::move(made), name.substr(0, name.find(".new")), &trouble_);
    return HEXAGENT_OK;
  }

  hexagent_status sync(const std::string& name) override {
    const Descriptor file = open_at(folder_.get(), name.c_str(), O_WRONLY);
    if (!file.valid()) return fail(name, "open");
    return fsync(file.get()) == 0 ? HEXAGENT_OK : fail(name, "sync");
  }

  hexagent_status rename(const std::string& from, const std::string& to) override {
    if (renameat(folder_.get(), from.c_str(), folder_.get(), to.c_str()) != 0) {
      return fail(from, "rename");
    }
    return sync_folder();
  }

  hexagent_status remove(const std::string& name) override {
    if (unlinkat(folder_.get(), name.c_str(), 0) != 0) return fail(name, "remove");
    return sync_folder();
  }

  const std::string& trouble() const override { return trouble_; }

 private:
  hexagent_status sync_folder() {
    return fsync(folder_.get()) == 0 ? HEXAGENT_OK : fail(".", "sync");
  }

  hexagent_status fail(const std::string& name, const char* action) {
    trouble_ = describe(name, action);
    return HEXAGENT_E_IO;
  }

  Descriptor folder_;
  Descriptor lock_;  // held until the folder is let go
  std::string trouble_;
};

}  // namespace

hexagent_status open_folder(const std::string& path, FolderUse use,
                            std::unique_ptr<JournalFolder>* folder, std::string* trouble) {
  if (use == FolderUse::kWrite && mkdir(path.c_str(), kFolderMode) != 0 && errno != EEXIST) {
    *trouble = describe(path, "create");
    return HEXAGENT_E_IO;
  }
  Descriptor opened = open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY);
  if (!opened.valid()) {
    *trouble = describe(path, "open");
    return HEXAGENT_E_IO;
  }
  Descriptor lock;
  if (use == FolderUse::kWrite) {
    Descriptor held = open_at(opened.get(), kLockName, O_RDWR | O_CREAT);
    if (!held.valid() || flock(held.get(), LOCK_EX | LOCK_NB) != 0) {
      const bool busy = held.valid() && errno == EWOULDBLOCK;
      *trouble = describe(path + "/" + kLockName, "lock");
      return busy ? HEXAGENT_E_BUSY : HEXAGENT_E_IO;
    }
    *folder = std::make_unique<PosixFolder>(std::move(opened), std::move(held));
    return HEXAGENT_OK;
  }
  *folder = std::make_unique<PosixFolder>(std::move(opened), std::move(lock));
  return HEXAGENT_OK;
}

}  // namespace hexagent
