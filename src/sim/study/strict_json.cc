// Strict objects: see strict_json.h.
#include "sim/study/strict_json.h"

#include <cmath>
#include <utility>

#include "sim/input_error.h"

namespace hexagent::sim {

using nlohmann::json;

StrictObject::StrictObject(const json& value, std::string file, std::string where)
    : value_(value), file_(std::move(file)), where_(std::move(where)) {
  if (!value.is_object()) throw InputError(file_, 0, where_, "must be an object");
}

void StrictObject::fail(const std::string& key, const std::string& message) const {
  throw InputError(file_, 0, where_.empty() ? key : where_ + "." + key, message);
}

const json& StrictObject::raw(const std::string& key) {
  const auto found = value_.find(key);
  if (found == value_.end()) fail(key, "is missing");
  used_.insert(key);
  return *found;
}

std::string StrictObject::text(const std::string& key) {
  const json& value = raw(key);
  if (!value.is_string() || value.get_ref<const std::string&>().empty()) {
    fail(key, "must be a text that is not empty");
  }
  return value.get<std::string>();
}

std::string StrictObject::text_or(const std::string& key, const std::string& otherwise) {
  return has(key) ? text(key) : otherwise;
}

double StrictObject::number(const std::string& key, double low, double high) {
  const json& value = raw(key);
  if (!value.is_number()) fail(key, "must be a number");
  const double number = value.get<double>();
  if (!(number >= low && number <= high)) fail(key, "is out of range");
  return number;
}

double StrictObject::number_or(const std::string& key, double low, double high, double otherwise) {
  return has(key) ? number(key, low, high) : otherwise;
}

int64_t StrictObject::integer(const std::string& key, int64_t low, int64_t high) {
  const json& value = raw(key);
  if (!value.is_number_integer()) fail(key, "must be an integer");
  if (value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX) fail(key, "is out of range");
  const int64_t number = value.get<int64_t>();
  if (number < low || number > high) fail(key, "is out of range");
  return number;
}

bool StrictObject::flag_or(const std::string& key, bool otherwise) {
  if (!has(key)) return otherwise;
  const json& value = raw(key);
  if (!value.is_boolean()) fail(key, "must be true or false");
  return value.get<bool>();
}

std::vector<std::string> StrictObject::texts(const std::string& key) {
  const json& value = raw(key);
  if (!value.is_array()) fail(key, "must be an array of texts");
  std::vector<std::string> result;
  for (const json& entry : value) {
    if (!entry.is_string() || entry.get_ref<const std::string&>().empty()) {
      fail(key, "must be an array of texts that are not empty");
    }
    result.push_back(entry.get<std::string>());
  }
  return result;
}

std::vector<StrictObject> StrictObject::objects(const std::string& key) {
  const json& value = raw(key);
  if (!value.is_array()) fail(key, "must be an array of objects");
  std::vector<StrictObject> result;
  for (size_t i = 0; i < value.size(); ++i) {
    result.emplace_back(value[i], file_,
                        (where_.empty() ? "" : where_ + ".") + key + "[" + std::to_string(i) + "]");
  }
  return result;
}

StrictObject StrictObject::object(const std::string& key) {
  return {raw(key), file_, where_.empty() ? key : where_ + "." + key};
}

std::vector<std::string> StrictObject::keys() const {
  std::vector<std::string> result;
  for (const auto& [key, value] : value_.items()) result.push_back(key);
  return result;
}

void StrictObject::finish() const {
  for (const auto& [key, value] : value_.items()) {
    if (!used_.contains(key)) fail(key, "is no key that belongs here");
  }
}

}  // namespace hexagent::sim
