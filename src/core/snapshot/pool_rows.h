// What the tables' snapshots share: the records of a pool that are in use come as rows of some
// section, with their places; those that were released come in a section of their own.
#pragma once

#include <vector>

#include "core/base/pool.h"
#include "core/snapshot/reader.h"
#include "core/snapshot/writer.h"

namespace hexagent {

template <class T>
void save_released(SnapshotWriter* writer, const char* section, const Pool<T>& pool) {
  writer->begin(section);
  for (uint32_t index : pool.released()) {
    writer->number("place", &index);
    writer->end_row();
  }
}

// Reads the place of one record of a pool.
template <class T>
uint32_t read_place(SnapshotReader* reader, const Pool<T>& pool) {
  uint32_t place = 0;
  reader->number("place", &place, 0, pool.capacity() - 1);
  return place;
}

// A column of plain numbers.
inline std::vector<uint32_t> read_list(SnapshotReader* reader, const char* section,
                                       const char* column, uint64_t rows_most) {
  const uint32_t rows = reader->begin(section, rows_most);
  std::vector<uint32_t> list(rows);
  for (uint32_t& value : list) {
    reader->number(column, &value);
    reader->end_row();
  }
  return list;
}

template <class T>
void load_released(SnapshotReader* reader, const char* section, const std::vector<uint32_t>& live,
                   Pool<T>* pool) {
  const std::vector<uint32_t> released = read_list(reader, section, "place", pool->capacity());
  if (reader->sound() && !pool->restore(live, released)) {
    reader->refuse("place", "not every place is either in use or free, once");
  }
}

}  // namespace hexagent
