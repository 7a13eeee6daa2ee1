// What lies in a journal's folder, by the names of its files:
//
//   0000000007.journal   segment 7, the steps from some moment on
//   0000000007.snapshot  the state just before the first of them (journal_snapshot.h)
//   *.new                one of these on its way; a crash may leave it, and it counts for nothing
//
// Tests: tests/unit/runtime/journal_reader_test.cc, journal_snapshot_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/journal_file.h"

namespace hexagent {

// "0000000007.journal", "0000000007.snapshot"
std::string segment_name(uint32_t segment);
std::string snapshot_name(uint32_t segment);

// A file is written under this name and renamed once it is whole and on disk.
std::string draft_name(const std::string& name);

struct JournalLayout {
  std::vector<uint32_t> segments;   // in order, without gaps, up to the newest
  std::vector<uint32_t> before;     // segments before a gap: nothing leads on from them
  std::vector<uint32_t> snapshots;  // in order, of any segments
  std::vector<std::string> drafts;  // of snapshots

  bool has_segment(uint32_t segment) const;
  bool has_snapshot(uint32_t segment) const;
};

// False if the folder cannot be listed: folder->trouble(). May throw std::bad_alloc.
bool list_journal(JournalFolder* folder, JournalLayout* layout);

}  // namespace hexagent
