// The one seam between the journal and the outside: a folder of files that grow at their end.
//
// Writer and reader know nothing of the operating system. journal_file_posix.cc is the real folder;
// tests have one in memory that loses unsynced bytes, tears writes and fails when told to
// (tests/crash/memory_folder.h). All functions answer HEXAGENT_OK or HEXAGENT_E_IO, and then
// trouble() says what was refused and why; they may throw std::bad_alloc.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "hexagent/hexagent.h"

namespace hexagent {

// A file open for appending; closed by its destructor, which syncs nothing.
class JournalFile {
 public:
  virtual ~JournalFile() = default;

  // Hands the bytes to the operating system: they survive this process, not yet the machine. After
  // a failure some of them may have been written.
  virtual hexagent_status append(const uint8_t* bytes, uint64_t size) = 0;

  // On return the bytes appended so far survive the machine. After a failure nobody knows which
  // do, and a second try would prove nothing: the pages may count as clean by then.
  virtual hexagent_status sync() = 0;
};

class JournalFolder {
 public:
  virtual ~JournalFolder() = default;

  // Names of the files, in any order.
  virtual hexagent_status list(std::vector<std::string>* names) = 0;
  virtual hexagent_status read(const std::string& name, std::vector<uint8_t>* bytes) = 0;

  // Bytes that a file has now.
  virtual hexagent_status size(const std::string& name, uint64_t* bytes) = 0;

  // A new, empty file; one of that name is emptied.
  virtual hexagent_status create(const std::string& name, std::unique_ptr<JournalFile>* file) = 0;

  // As JournalFile::sync(), for a file that is not open: what an earlier process left behind.
  virtual hexagent_status sync(const std::string& name) = 0;

  // Both last once they return.
  virtual hexagent_status rename(const std::string& from, const std::string& to) = 0;
  virtual hexagent_status remove(const std::string& name) = 0;

  // Why the last operation failed, e.g. "0000000001.journal: write: No space left on device".
  virtual const std::string& trouble() const = 0;
};

enum class FolderUse {
  kRead,  // changes nothing, works beside a writer
  kWrite  // makes the folder if there is none, and keeps other writers out
};

// A folder of the file system. HEXAGENT_E_IO, or HEXAGENT_E_BUSY if another writer has it; then
// `trouble` says why.
hexagent_status open_folder(const std::string& path, FolderUse use,
                            std::unique_ptr<JournalFolder>* folder, std::string* trouble);

}  // namespace hexagent
