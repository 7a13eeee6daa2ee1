// SnapshotReader: see reader.h.
#include "core/snapshot/reader.h"

namespace hexagent {
std::string SnapshotReader::full_name(const char* name, int part) const {
  return column_name(group_, name, part);
}

const SnapshotSection* SnapshotReader::find(const char* section) {
  for (size_t i = 0; i < sections_.size(); ++i) {
    if (sections_[i].name != section) continue;
    used_[i] = true;
    return &sections_[i];
  }
  return nullptr;
}

uint32_t SnapshotReader::begin(const char* section, uint64_t rows_most) {
  if (!sound()) return 0;
  name_ = section;
  row_ = 0;
  position_ = 0;
  group_ = "";
  columns_.clear();
  now_ = find(section);
  if (now_ == nullptr) {
    refuse("", "is missing");
    return 0;
  }
  if (now_->rows > rows_most) {
    refuse("",
           std::to_string(now_->rows) + " rows, at most " + std::to_string(rows_most) + " can be");
    return 0;
  }
  if (now_->rows == 0 && !now_->columns.empty()) refuse("", "columns without rows");
  for (const SnapshotColumn& column : now_->columns) {
    if (column.values.size() == 1 || column.values.size() == now_->rows) continue;
    refuse(shown_name(column.name).c_str(), std::to_string(column.values.size()) + " values for " +
                                                std::to_string(now_->rows) + " rows");
  }
  return sound() ? now_->rows : 0;
}

uint32_t SnapshotReader::begin_unbounded(const char* section) {
  const uint32_t rows = begin(section, UINT32_MAX);
  if (rows <= 1) return rows;
  for (const SnapshotColumn& column : now_->columns) {
    if (column.values.size() == rows) return rows;
  }
  refuse("", "has rows without values");
  return 0;
}

void SnapshotReader::begin_one(const char* section) {
  if (begin(section, 1) == 0 && sound()) refuse("", "has no row");
}

void SnapshotReader::end_row() {
  if (!sound()) return;
  if (position_ != now_->columns.size()) {
    for (size_t i = 0; i < now_->columns.size(); ++i) {
      bool known = false;
      for (size_t column : columns_) known = known || column == i;
      if (known) continue;
      return refuse(shown_name(now_->columns[i].name).c_str(), "is not a column known here");
    }
  }
  ++row_;
  position_ = 0;
  group_ = "";
}

bool SnapshotReader::has(const char* column) const {
  if (!sound()) return false;
  for (const SnapshotColumn& each : now_->columns) {
    if (each.name == column) return true;
  }
  return false;
}

bool SnapshotReader::has_section(const char* section) const {
  for (const SnapshotSection& each : sections_) {
    if (each.name == section) return sound();
  }
  return false;
}

void SnapshotReader::finish() {
  for (size_t i = 0; sound() && i < sections_.size(); ++i) {
    if (!used_[i]) refuse("section " + shown_name(sections_[i].name) + " is not known here");
  }
}

void SnapshotReader::refuse(const char* column, const std::string& text) {
  std::string where = std::string("section ") + name_;
  if (column[0] != '\0') where += std::string(", column ") + column;
  if (now_ != nullptr && now_->rows > 1 && row_ < now_->rows && position_ > 0) {
    where += ", row " + std::to_string(row_);
  }
  refuse(where + ": " + text);
}

void SnapshotReader::refuse(const std::string& text) {
  if (sound()) flaw_ = text;
}

void SnapshotReader::refuse_field(const char* name, int part, const std::string& text) {
  refuse(full_name(name, part).c_str(), text);
}

bool SnapshotReader::take(const char* name, int part, uint64_t* bits) {
  if (!sound()) return false;
  if (row_ == 0) {
    const std::string wanted = full_name(name, part);
    size_t column = position_;  // where it is unless somebody moved columns
    if (column >= now_->columns.size() || now_->columns[column].name != wanted) {
      column = 0;
      while (column < now_->columns.size() && now_->columns[column].name != wanted) ++column;
    }
    if (column == now_->columns.size()) {
      refuse_field(name, part, "is missing");
      return false;
    }
    columns_.push_back(column);
  }
  *bits = now_->columns[columns_[position_++]].at(row_);
  return true;
}

bool SnapshotReader::within(const char* name, int part, uint64_t bits, uint64_t low,
                            uint64_t high) {
  if (bits >= low && bits <= high) return true;
  refuse_field(
      name, part,
      std::to_string(bits) + " is not " + std::to_string(low) + " to " + std::to_string(high));
  return false;
}

void SnapshotReader::index(const char* name, uint32_t* value, uint64_t count) {
  constexpr uint64_t kNone = 0xffffffffu;
  uint64_t bits = 0;
  if (!take(name, -1, &bits)) return;
  if (bits < count || bits == kNone) {
    *value = static_cast<uint32_t>(bits);
  } else {
    refuse_field(name, -1,
                 std::to_string(bits) + " is none of " + std::to_string(count) + " places");
  }
}

void SnapshotReader::flag(const char* name, bool* value) {
  uint64_t bits = 0;
  if (take(name, -1, &bits) && within(name, -1, bits, 0, 1)) *value = bits != 0;
}

void SnapshotReader::whole(const char* name, int64_t* value, int64_t low, int64_t high) {
  uint64_t bits = 0;
  if (!take(name, -1, &bits)) return;
  const auto whole = static_cast<int64_t>(bits);
  if (whole >= low && whole <= high) {
    *value = whole;
  } else {
    refuse_field(
        name, -1,
        std::to_string(whole) + " is not " + std::to_string(low) + " to " + std::to_string(high));
  }
}

void SnapshotReader::real_part(const char* name, int part, double* value, double low, double high) {
  uint64_t bits = 0;
  if (!take(name, part, &bits)) return;
  const auto real = std::bit_cast<double>(bits);
  if (real >= low && real <= high) {  // false for NaN
    *value = real;
  } else {
    refuse_field(name, part, "not a number within its bounds");
  }
}

}  // namespace hexagent
