// Reading of JSON objects in which nothing may be missing, misspelt or of the wrong kind. Errors
// are InputErrors that name the file and the path to the field. Used by suite files.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

namespace hexagent::sim {

class StrictObject {
 public:
  // `value` outlives this. Throws when it is no object.
  StrictObject(const nlohmann::json& value, std::string file, std::string where);

  bool has(const std::string& key) const { return value_.contains(key); }
  std::string text(const std::string& key);  // not empty
  std::string text_or(const std::string& key, const std::string& otherwise);
  double number(const std::string& key, double low, double high);
  double number_or(const std::string& key, double low, double high, double otherwise);
  int64_t integer(const std::string& key, int64_t low, int64_t high);
  bool flag_or(const std::string& key, bool otherwise);
  std::vector<std::string> texts(const std::string& key);  // may be empty
  // Values of an array, each with its own place for errors.
  std::vector<StrictObject> objects(const std::string& key);
  StrictObject object(const std::string& key);
  const nlohmann::json& raw(const std::string& key);
  // Keys in the order of the file's parser (by name).
  std::vector<std::string> keys() const;

  // Throws unless every key was asked for.
  void finish() const;
  [[noreturn]] void fail(const std::string& key, const std::string& message) const;
  void rename(std::string where) { where_ = std::move(where); }

 private:
  const nlohmann::json& value_;
  std::string file_;
  std::string where_;
  std::set<std::string> used_;
};

}  // namespace hexagent::sim
