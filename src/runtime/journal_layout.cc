// The files of a journal: see journal_layout.h.
#include "runtime/journal_layout.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

namespace hexagent {
namespace {

constexpr std::string_view kSegment = ".journal";
constexpr std::string_view kSnapshot = ".snapshot";
constexpr std::string_view kDraft = ".new";
constexpr size_t kDigits = 10;

std::string file_name(uint32_t number, std::string_view suffix) {
  char digits[kDigits + 1];
  std::snprintf(digits, sizeof(digits), "%010u", number);
  return digits + std::string(suffix);
}

// The number a file name stands for, 0 if none.
uint32_t number_of(std::string_view name, std::string_view suffix) {
  if (name.size() != kDigits + suffix.size() || name.substr(kDigits) != suffix) return 0;
  uint64_t number = 0;
  for (const char digit : name.substr(0, kDigits)) {
    if (digit < '0' || digit > '9') return 0;
    number = number * 10 + static_cast<uint64_t>(digit - '0');
  }
  return number > UINT32_MAX ? 0 : static_cast<uint32_t>(number);
}

bool is_draft_of(std::string_view name, std::string_view suffix) {
  if (name.size() < kDraft.size() || name.substr(name.size() - kDraft.size()) != kDraft) {
    return false;
  }
  return number_of(name.substr(0, name.size() - kDraft.size()), suffix) != 0;
}

}  // namespace

std::string segment_name(uint32_t segment) { return file_name(segment, kSegment); }
std::string snapshot_name(uint32_t segment) { return file_name(segment, kSnapshot); }
std::string draft_name(const std::string& name) { return name + std::string(kDraft); }

bool JournalLayout::has_segment(uint32_t segment) const {
  return std::binary_search(segments.begin(), segments.end(), segment);
}

bool JournalLayout::has_snapshot(uint32_t segment) const {
  return std::binary_search(snapshots.begin(), snapshots.end(), segment);
}

bool list_journal(JournalFolder* folder, JournalLayout* layout) {
  *layout = {};
  std::vector<std::string> names;
  if (folder->list(&names) != HEXAGENT_OK) return false;
  for (const std::string& name : names) {
    if (const uint32_t segment = number_of(name, kSegment)) layout->segments.push_back(segment);
    if (const uint32_t snapshot = number_of(name, kSnapshot)) layout->snapshots.push_back(snapshot);
    if (is_draft_of(name, kSnapshot)) layout->drafts.push_back(name);
  }
  std::sort(layout->snapshots.begin(), layout->snapshots.end());
  std::vector<uint32_t>& segments = layout->segments;
  std::sort(segments.begin(), segments.end());
  size_t first = segments.empty() ? 0 : segments.size() - 1;
  while (first > 0 && segments[first - 1] + 1 == segments[first]) --first;
  const auto gap = segments.begin() + static_cast<std::ptrdiff_t>(first);
  layout->before.assign(segments.begin(), gap);
  segments.erase(segments.begin(), gap);
  return true;
}

}  // namespace hexagent
