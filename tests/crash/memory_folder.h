// A journal folder in memory that behaves as badly as a disk may: it can fail its k-th operation,
// and gives the images a crash could have left behind at any byte of any write.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "crash/random_input.h"
#include "runtime/journal_file.h"

namespace hexagent::test {

// What a crash spares of bytes that were never synced.
enum class Loss {
  kNothing,  // the process died, the machine did not
  kTail,     // some of the end
  kHoles,    // pages in any order: zeros with good bytes behind them
};

class MemoryFolder final : public JournalFolder {
 public:
  struct File {
    std::vector<uint8_t> bytes;
    size_t synced = 0;
  };

  std::map<std::string, File> files;
  uint64_t fail_at = UINT64_MAX;     // this operation and all after it fail
  uint64_t fail_bytes = UINT64_MAX;  // of it, if it is an append, are written; half at most

  // Operations on files for which this is true fail, and nothing else does: a disk that has room
  // for small files only.
  std::function<bool(const std::string& name)> refuses;

  uint64_t operations() const { return log_.size(); }

  // [any thread] Has an operation failed?
  bool has_failed() const { return failed_.load(std::memory_order_acquire); }

  // The folder as the machine finds it when it comes up again; `files` is what the last process
  // left. Whatever was spared is on disk for good.
  std::unique_ptr<MemoryFolder> power_off(Loss loss, Draw* draw) const {
    auto image = std::make_unique<MemoryFolder>();
    image->files = files;
    for (auto& [name, file] : image->files) {
      lose(&file, loss, draw);
      if (loss != Loss::kNothing) file.synced = file.bytes.size();
    }
    return image;
  }

  // The folder after the first `operations` operations and `bytes` bytes of the next, if it is an
  // append.
  std::unique_ptr<MemoryFolder> crash(uint64_t operations, uint64_t bytes, Loss loss,
                                      Draw* draw) const {
    auto image = std::make_unique<MemoryFolder>();
    for (uint64_t i = 0; i < operations; ++i) image->run(log_[i], UINT64_MAX);
    if (operations < log_.size() && log_[operations].action == Action::kAppend) {
      image->run(log_[operations], bytes);
    }
    for (auto& [name, file] : image->files) lose(&file, loss, draw);
    return image;
  }

  // Size of the append that is operation `index`, 0 for any other.
  uint64_t append_size(uint64_t index) const { return log_[index].bytes.size(); }

  hexagent_status list(std::vector<std::string>* names) override {
    for (const auto& [name, file] : files) names->push_back(name);
    return HEXAGENT_OK;
  }

  hexagent_status read(const std::string& name, std::vector<uint8_t>* bytes) override {
    const auto file = files.find(name);
    if (file == files.end()) return refuse(name);
    *bytes = file->second.bytes;
    return HEXAGENT_OK;
  }

  hexagent_status size(const std::string& name, uint64_t* bytes) override {
    const auto file = files.find(name);
    if (file == files.end()) return refuse(name);
    *bytes = file->second.bytes.size();
    return HEXAGENT_OK;
  }

  hexagent_status create(const std::string& name, std::unique_ptr<JournalFile>* file) override {
    if (!act({Action::kCreate, name, {}, {}})) return refuse(name);
    *file = std::make_unique<OpenFile>(this, name);
    return HEXAGENT_OK;
  }

  hexagent_status sync(const std::string& name) override {
    return act({Action::kSync, name, {}, {}}) ? HEXAGENT_OK : refuse(name);
  }

  hexagent_status rename(const std::string& from, const std::string& to) override {
    return act({Action::kRename, from, to, {}}) ? HEXAGENT_OK : refuse(from);
  }

  hexagent_status remove(const std::string& name) override {
    return act({Action::kRemove, name, {}, {}}) ? HEXAGENT_OK : refuse(name);
  }

  const std::string& trouble() const override { return trouble_; }

 private:
  enum class Action { kCreate, kAppend, kSync, kRename, kRemove };
  struct Operation {
    Action action;
    std::string name;
    std::string target;
    std::vector<uint8_t> bytes;
  };

  class OpenFile final : public JournalFile {
   public:
    OpenFile(MemoryFolder* folder, std::string name) : folder_(folder), name_(std::move(name)) {}
    hexagent_status append(const uint8_t* bytes, uint64_t size) override {
      const bool done = folder_->act({Action::kAppend, name_, {}, {bytes, bytes + size}});
      return done ? HEXAGENT_OK : folder_->refuse(name_);
    }
    hexagent_status sync() override { return folder_->sync(name_); }

   private:
    MemoryFolder* folder_;
    std::string name_;
  };

  hexagent_status refuse(const std::string& name) {
    trouble_ = name + ": refused";
    return HEXAGENT_E_IO;
  }

  bool act(Operation operation) {
    if (refuses && refuses(operation.name)) return false;
    if (log_.size() >= fail_at) {
      if (log_.size() > fail_at) return false;
      // Release: who sees it knows that nothing decided since is on disk.
      failed_.store(true, std::memory_order_release);
      // A write that fails may have written some of it.
      operation.bytes.resize(std::min<uint64_t>(fail_bytes, operation.bytes.size() / 2));
      if (operation.action == Action::kAppend) run(operation, UINT64_MAX);
      log_.push_back(std::move(operation));
      return false;
    }
    run(operation, UINT64_MAX);
    log_.push_back(std::move(operation));
    return true;
  }

  void run(const Operation& operation, uint64_t bytes) {
    const bool whole = bytes == UINT64_MAX;
    if (operation.action == Action::kAppend) {
      const auto size =
          static_cast<std::ptrdiff_t>(std::min<uint64_t>(bytes, operation.bytes.size()));
      File& file = files[present_name(operation.name)];
      file.bytes.insert(file.bytes.end(), operation.bytes.begin(), operation.bytes.begin() + size);
    } else if (whole && operation.action == Action::kCreate) {
      files[operation.name] = {};
    } else if (whole && operation.action == Action::kSync) {
      File& file = files[present_name(operation.name)];
      file.synced = file.bytes.size();
    } else if (whole && operation.action == Action::kRename) {
      files[operation.target] = std::move(files[operation.name]);
      files.erase(operation.name);
      renamed_[operation.name] = operation.target;
    } else if (whole && operation.action == Action::kRemove) {
      files.erase(operation.name);
    }
  }

  // An open file follows its name, as the writer renames what it has open.
  const std::string& present_name(const std::string& name) const {
    const auto renamed = renamed_.find(name);
    return files.count(name) != 0 || renamed == renamed_.end() ? name : renamed->second;
  }

  static void lose(File* file, Loss loss, Draw* draw) {
    constexpr size_t kPage = 512;
    const size_t loose = file->bytes.size() - file->synced;
    if (loss == Loss::kNothing || loose == 0) return;
    file->bytes.resize(file->synced + static_cast<size_t>((*draw)(loose + 1)));
    if (loss == Loss::kTail) return;
    for (size_t page = file->synced / kPage; page * kPage < file->bytes.size(); ++page) {
      if ((*draw)(3) != 0) continue;
      const size_t from = std::max(page * kPage, file->synced);
      const size_t to = std::min((page + 1) * kPage, file->bytes.size());
      std::fill(file->bytes.begin() + static_cast<std::ptrdiff_t>(from),
                file->bytes.begin() + static_cast<std::ptrdiff_t>(to), uint8_t{0});
    }
  }

  std::vector<Operation> log_;
  std::map<std::string, std::string> renamed_;
  std::string trouble_;
  std::atomic<bool> failed_{false};
};

// A folder that outlives the handle it was lent to.
class BorrowedFolder final : public JournalFolder {
 public:
  explicit BorrowedFolder(JournalFolder* folder) : folder_(folder) {}
  hexagent_status list(std::vector<std::string>* names) override { return folder_->list(names); }
  hexagent_status read(const std::string& name, std::vector<uint8_t>* bytes) override {
    return folder_->read(name, bytes);
  }
  hexagent_status size(const std::string& name, uint64_t* bytes) override {
    return folder_->size(name, bytes);
  }
  hexagent_status create(const std::string& name, std::unique_ptr<JournalFile>* file) override {
    return folder_->create(name, file);
  }
  hexagent_status sync(const std::string& name) override { return folder_->sync(name); }
  hexagent_status rename(const std::string& from, const std::string& to) override {
    return folder_->rename(from, to);
  }
  hexagent_status remove(const std::string& name) override { return folder_->remove(name); }
  const std::string& trouble() const override { return folder_->trouble(); }

 private:
  JournalFolder* folder_;
};

}  // namespace hexagent::test
