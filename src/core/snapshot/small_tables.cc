// Snapshots of the small tables: links, output lengths, remainders, tenants, waiting work, regrets.
#include <algorithm>
#include <iterator>
#include <vector>

#include "core/cluster/link_table.h"
#include "core/model/length_predictor.h"
#include "core/model/remainder_predictor.h"
#include "core/plan/waiting_work.h"
#include "core/shadow.h"
#include "core/snapshot/reader.h"
#include "core/snapshot/worker_fields.h"
#include "core/snapshot/writer.h"
#include "core/tenant_table.h"

namespace hexagent {
namespace {

// ---- histograms of predictors: the buckets that something is in ----

template <class Cell>
void save_counts(SnapshotWriter* writer, const char* section, const std::vector<Cell>& cells,
                 uint32_t cells_used) {
  writer->begin(section);
  for (uint32_t cell = 0; cell < cells_used; ++cell) {
    for (uint32_t bucket = 0; bucket < std::size(cells[cell].bucket_counts); ++bucket) {
      const uint32_t count = cells[cell].bucket_counts[bucket];
      if (count == 0) continue;
      writer->number("cell", &cell);
      writer->number("bucket", &bucket);
      writer->number("count", &count);
      writer->end_row();
    }
  }
}

template <class Cell>
void load_counts(SnapshotReader* reader, const char* section, uint32_t cells_used,
                 std::vector<Cell>* cells) {
  constexpr uint64_t kBuckets = std::size(Cell{}.bucket_counts);
  const uint32_t rows = reader->begin(section, cells_used * kBuckets);
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t cell = 0;
    uint32_t bucket = 0;
    uint32_t count = 0;
    reader->number("cell", &cell, 0, cells_used - 1);
    reader->number("bucket", &bucket, 0, kBuckets - 1);
    reader->number("count", &count, 1, UINT32_MAX);
    if (!reader->sound()) return;
    uint32_t& known = (*cells)[cell].bucket_counts[bucket];
    if (known != 0) return reader->refuse("bucket", "is there twice");
    reader->end_row();
    known = count;
    (*cells)[cell].count += count;
  }
}

}  // namespace

// ---- links ----

void LinkTable::save(SnapshotWriter* writer) const {
  writer->begin("links");
  for (const hexagent_link& link : links_) {
    visit_link(writer, &link);
    writer->end_row();
  }
  if (learnt_.empty()) return;
  writer->begin("learnt_links");
  for (const LearntLink& link : learnt_) {
    LearntLink::visit(writer, &link, kAmountMost, kSecondsMost);
    writer->end_row();
  }
}

void LinkTable::load(SnapshotReader* reader) {
  const uint32_t rows = reader->begin("links", pairs_max_);
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    hexagent_link link = {};
    link.struct_size = sizeof(link);
    visit_link(reader, &link);
    if (!reader->sound() || !set(link) || links_.size() != row + 1) {
      return reader->refuse("target_domain", "the pair was there before");
    }
    reader->end_row();
  }
  if (reader->has_section("learnt_links")) load_learnt(reader);
}

void LinkTable::load_learnt(SnapshotReader* reader) {
  const uint32_t rows = reader->begin("learnt_links", learnt_max_);
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    LearntLink link;
    LearntLink::visit(reader, &link, kAmountMost, kSecondsMost);
    if (!reader->sound()) return;
    const bool pair = link.source != 0 && link.target != 0;
    if (link.source == 0 && link.target == 0) return reader->refuse("source", "names no worker");
    if (find_learnt(link.source, link.target) != nullptr) {
      return reader->refuse("target", "the way was there before");
    }
    if (pair &&
        (find_learnt(link.source, 0) == nullptr || find_learnt(0, link.target) == nullptr)) {
      return reader->refuse("target", "a way comes before its ends");
    }
    if ((link.samples > 0) != (link.bytes_per_s >= 1e-9)) {
      return reader->refuse("samples", "are not those of the rate");
    }
    reader->end_row();
    add_learnt(link);
  }
}

// ---- output lengths: the cells, and what is in their buckets ----

void LengthPredictor::save(SnapshotWriter* writer) const {
  struct Key {
    uint32_t class_name = 0;  // and stage 0: of all calls
    uint32_t stage = 0;
  };
  std::vector<Key> keys(cells_used_);
  index_.for_each([&](uint64_t class_name, uint64_t stage, uint32_t cell) {
    keys[cell] = {static_cast<uint32_t>(class_name), static_cast<uint32_t>(stage)};
  });
  writer->begin("lengths");
  for (uint32_t cell = 0; cell < cells_used_; ++cell) {
    writer->number("class_name", &keys[cell].class_name);
    writer->number("stage", &keys[cell].stage);
    writer->real("sum", &cells_[cell].sum, 0.0, kAmountMost);
    writer->end_row();
  }
  save_counts(writer, "length_counts", cells_, cells_used_);
}

void LengthPredictor::load(SnapshotReader* reader) {
  cells_used_ = reader->begin("lengths", cells_.size());
  if (cells_used_ == 0) {
    cells_used_ = 1;
    return reader->refuse("", "has no row");
  }
  for (uint32_t cell = 0; cell < cells_used_ && reader->sound(); ++cell) {
    uint32_t class_name = 0;
    uint32_t stage = 0;
    reader->number("class_name", &class_name);
    reader->number("stage", &stage);
    reader->real("sum", &cells_[cell].sum, 0.0, kAmountMost);
    if (cell > 0 && reader->sound()) {
      if (index_.find(class_name, stage) != IdMap::kNone) {
        return reader->refuse("stage", "was there before");
      }
      index_.insert(class_name, stage, cell);
    }
    reader->end_row();
  }
  load_counts(reader, "length_counts", cells_used_, &cells_);
}

// ---- remainders: likewise ----

void RemainderPredictor::save(SnapshotWriter* writer) const {
  struct Key {
    uint64_t class_name = 0;
    uint64_t rest = 0;  // level, octave and stage; 0: of all calls
  };
  std::vector<Key> keys(cells_used_);
  index_.for_each([&](uint64_t class_name, uint64_t rest, uint32_t cell) {
    keys[cell] = {class_name, rest};
  });
  writer->begin("remainders");
  for (uint32_t cell = 0; cell < cells_used_; ++cell) {
    writer->number("class_name", &keys[cell].class_name);
    writer->number("key", &keys[cell].rest);
    writer->real("work_sum_s", &cells_[cell].work_sum_s, 0.0, kAmountMost);
    writer->real("path_sum_s", &cells_[cell].path_sum_s, 0.0, kAmountMost);
    writer->end_row();
  }
  save_counts(writer, "remainder_counts", cells_, cells_used_);
}

void RemainderPredictor::load(SnapshotReader* reader) {
  cells_used_ = reader->begin("remainders", cells_.size());
  if (cells_used_ == 0) {
    cells_used_ = 1;
    return reader->refuse("", "has no row");
  }
  for (uint32_t cell = 0; cell < cells_used_ && reader->sound(); ++cell) {
    uint64_t class_name = 0;
    uint64_t rest = 0;
    reader->number("class_name", &class_name);
    reader->number("key", &rest);
    reader->real("work_sum_s", &cells_[cell].work_sum_s, 0.0, kAmountMost);
    reader->real("path_sum_s", &cells_[cell].path_sum_s, 0.0, kAmountMost);
    if (cell > 0 && reader->sound()) {
      if (index_.find(class_name, rest) != IdMap::kNone) {
        return reader->refuse("key", "was there before");
      }
      index_.insert(class_name, rest, cell);
    }
    reader->end_row();
  }
  load_counts(reader, "remainder_counts", cells_used_, &cells_);
}

// ---- tenants: those that were sent anything ----

void TenantTable::save(SnapshotWriter* writer) const {
  writer->begin("tenants");
  for (uint32_t name = 0; name < tenants_.size(); ++name) {
    if (tenants_[name].service_s == 0.0) continue;
    writer->number("tenant", &name);
    writer->real("service_s", &tenants_[name].service_s, -kAmountMost, kAmountMost);
    writer->end_row();
  }
}

void TenantTable::load(SnapshotReader* reader) {
  const uint32_t rows = reader->begin("tenants", tenants_.size());
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t name = 0;
    double service_s = 0.0;
    reader->number("tenant", &name, 0, tenants_.size() - 1);
    reader->real("service_s", &service_s, -kAmountMost, kAmountMost);
    reader->end_row();
    tenants_[name].service_s = service_s;
  }
}

// ---- waiting work: the seconds; calls are counted anew ----

void WaitingWork::save(SnapshotWriter* writer) const {
  writer->begin("waiting_work");
  for (const Row& row : rows_) {
    double seconds[kTierCount];
    for (uint32_t tier = 0; tier < kTierCount; ++tier) seconds[tier] = row.tiers[tier].seconds;
    writer->number("model", &row.model);
    writer->reals("seconds", &seconds, -kAmountMost, kAmountMost);
    writer->end_row();
  }
}

void WaitingWork::load(SnapshotReader* reader, uint32_t names_max) {
  const uint32_t rows = reader->begin("waiting_work", names_max);
  std::vector<uint32_t> models;
  for (uint32_t i = 0; i < rows && reader->sound(); ++i) {
    double seconds[kTierCount] = {};
    Row row;
    reader->number("model", &row.model);
    reader->reals("seconds", &seconds, -kAmountMost, kAmountMost);
    reader->end_row();
    for (uint32_t tier = 0; tier < kTierCount; ++tier) row.tiers[tier].seconds = seconds[tier];
    rows_.push_back(row);
    models.push_back(row.model);
  }
  std::sort(models.begin(), models.end());
  const bool twins = std::adjacent_find(models.begin(), models.end()) != models.end();
  if (twins) reader->refuse("model", "is there twice");
}

// ---- regrets ----

void RegretHistogram::save(SnapshotWriter* writer) const {
  writer->begin("regrets");
  for (uint32_t bucket = 0; bucket <= kBuckets; ++bucket) {  // the last one: of none
    const uint64_t count = bucket < kBuckets ? counts_[bucket] : none_;
    if (count == 0) continue;
    writer->number("bucket", &bucket);
    writer->number("count", &count);
    writer->end_row();
  }
}

void RegretHistogram::load(SnapshotReader* reader) {
  const uint32_t rows = reader->begin("regrets", kBuckets + 1);
  for (uint32_t row = 0; row < rows && reader->sound(); ++row) {
    uint32_t bucket = 0;
    uint64_t count = 0;
    reader->number("bucket", &bucket, 0, kBuckets);
    reader->number("count", &count, 1, 1ULL << 56);
    if (!reader->sound()) return;
    reader->end_row();
    (bucket < kBuckets ? counts_[bucket] : none_) += count;
    total_ += count;
  }
}

}  // namespace hexagent
