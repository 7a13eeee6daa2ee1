// From a caller's record to an input in the queue; shared by the files that take records.
#pragma once

#include <cstdint>
#include <type_traits>

#include "capi/flaw.h"
#include "capi/handle.h"
#include "core/input.h"

namespace hexagent {

// read_sized() that says what is wrong.
template <class Record>
Flaw read_record(const Record* from_caller, Record* ours) {
  const hexagent_status status = read_sized(from_caller, ours);
  if (status == HEXAGENT_OK) return {};
  if (status == HEXAGENT_E_ARGUMENT) {
    return {status, HEXAGENT_FIELD_NONE, "record", {}, "must not be null"};
  }
  const char* rule = status == HEXAGENT_E_TOO_NEW ? "has non-zero bytes unknown to this library"
                                                  : "smaller than the first release's";
  return {status, HEXAGENT_FIELD_STRUCT_SIZE, "struct_size", uint64_t{stated_size(from_caller)},
          rule};
}

template <class Record>
Input record_input(InputKind kind, const Record& record, uint64_t user_data) {
  static_assert(std::is_trivially_copyable_v<Record>);
  Input input = {kind};
  input.record = &record;
  input.record_size = sizeof(record);
  input.user_data = user_data;
  return input;
}

// The whole way of a set-up record: size, shape, queue.
template <class Record>
Flaw push_sized(hexagent_scheduler* scheduler, InputKind kind, const Record* from_caller,
                Flaw (*check)(const hexagent_scheduler&, const Record&), uint64_t user_data) {
  Record record;
  Flaw flaw = read_record(from_caller, &record);
  if (flaw.status == HEXAGENT_OK) flaw = check(*scheduler, record);
  if (flaw.status != HEXAGENT_OK) return flaw;
  Input input = record_input(kind, record, user_data);
  if constexpr (requires { record.worker; }) input.worker = record.worker;
  return Flaw{scheduler->push(input)};
}

}  // namespace hexagent
