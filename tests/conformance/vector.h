// Runs one conformance vector through the C ABI. Records are filled and read by
// bindings/layout.json, so that a field of the header needs no line here. Used by
// conformance_test.cc.
#pragma once

#include <hexagent/hexagent.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

using Json = nlohmann::ordered_json;

// Size and fields of the public structs, as bindings/layout.json states them.
class Layouts {
 public:
  explicit Layouts(const std::string& path);

  // A record with the fields that `values` names; struct_size is set, the rest is zero.
  std::vector<uint8_t> fill(const std::string& name, const Json& values) const;
  // The fields of a record that are not zero, struct_size left out.
  Json read(const std::string& name, const void* record) const;
  size_t size(const std::string& name) const { return facts_.at(name).at("size"); }

 private:
  Json facts_;
};

// A scheduler and the steps of one vector. run() answers what a step showed: only what is not
// as usual, so that vectors stay short (README.md has the rules).
class Vector {
 public:
  Vector(const Layouts& layouts, const Json& config);
  ~Vector();
  Vector(const Vector&) = delete;
  Vector& operator=(const Vector&) = delete;

  Json run(const Json& step);

 private:
  Json set(const Json& step);
  Json batch(const Json& step);
  Json single(const Json& step);
  Json advance(const Json& step);
  Json ask(const Json& step);
  Json words(const Json& step);

  // Calls with the deps and prefixes they point into, flattened.
  struct Calls {
    std::vector<hexagent_call> records;
    std::vector<uint64_t> deps;
    std::vector<hexagent_prefix> prefixes;
  };
  Calls calls(const Json& list) const;

  const Layouts& layouts_;
  hexagent_scheduler* scheduler_;
};
