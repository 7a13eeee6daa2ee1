// Runs every vector of this folder through the C ABI: what a step shows must be what the vector
// says, field by field. The same files run in Go, Rust and Python. `--regenerate` writes what the
// library answers into the files instead; read the difference before committing it.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>

#include "vector.h"

// cmocka.h needs the four before it.
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
extern "C" {
#include <cmocka.h>
}
// clang-format on

namespace {

const char* const kFolder = HEXAGENT_TEST_SOURCE "/conformance";
const char* const kLayouts = HEXAGENT_TEST_SOURCE "/../bindings/layout.json";
const char* const kShown[] = {"answer", "field",      "results",  "reads",
                              "info",   "placements", "decisions"};

std::vector<std::string> vector_files() {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    if (entry.path().extension() == ".json") files.push_back(entry.path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// What the vector says of a step, without the words for readers.
Json expected_of(const Json& step) {
  Json expected = Json::object();
  for (const char* key : kShown) {
    if (step.contains(key)) expected[key] = step[key];
  }
  return expected;
}

std::string one_line(const Json& value) {
  if (value.is_object()) {
    std::string text;
    for (const auto& [key, item] : value.items()) {
      text += (text.empty() ? "" : ", ") + Json(key).dump() + ": " + one_line(item);
    }
    return "{" + text + "}";
  }
  if (value.is_array()) {
    std::string text;
    for (const Json& item : value) text += (text.empty() ? "" : ", ") + one_line(item);
    return "[" + text + "]";
  }
  return value.dump();
}

// A step on one line, but records and decisions on lines of their own, so that a diff reads well.
std::string step_text(const Json& step) {
  std::string text = "    {";
  for (const auto& [key, value] : step.items()) {
    if (text.back() != '{') text += ", ";
    text += Json(key).dump() + ": ";
    if (!value.is_array() || value.empty() || !value[0].is_object()) {
      text += one_line(value);
      continue;
    }
    text += "[";
    for (const Json& item : value) {
      text += (&item == &value[0] ? "\n      " : ",\n      ") + one_line(item);
    }
    text += "\n    ]";
  }
  return text + "}";
}

void write(const std::string& path, const Json& vector) {
  std::ofstream file(path);
  file << "{\n  \"about\": " << vector.at("about").dump()
       << ",\n  \"config\": " << one_line(vector.at("config")) << ",\n  \"steps\": [\n";
  const Json& steps = vector.at("steps");
  for (size_t i = 0; i < steps.size(); ++i) {
    file << step_text(steps[i]) << (i + 1 < steps.size() ? ",\n" : "\n");
  }
  file << "  ]\n}\n";
}

void regenerate(const std::string& path) {
  const Layouts layouts(kLayouts);
  Json vector = Json::parse(std::ifstream(path));
  Vector runner(layouts, vector.at("config"));
  for (Json& step : vector["steps"]) {
    const Json seen = runner.run(step);
    for (const char* key : kShown) step.erase(key);
    for (const auto& [key, value] : seen.items()) step[key] = value;
  }
  write(path, vector);
}

// The first step that shows something else than the vector says; empty when there is none.
std::string difference(const std::string& path) {
  const Layouts layouts(kLayouts);
  const Json vector = Json::parse(std::ifstream(path));
  Vector runner(layouts, vector.at("config"));
  size_t index = 0;
  for (const Json& step : vector.at("steps")) {
    const Json expected = expected_of(step);
    const Json seen = runner.run(step);
    if (nlohmann::json(seen) != nlohmann::json(expected)) {  // in any order of keys
      return "step " + std::to_string(index) + " (" + step.at("do").get<std::string>() +
             ")\n  says  " + one_line(expected) + "\n  shows " + one_line(seen);
    }
    ++index;
  }
  return "";
}

// Fails by longjmp, so it holds nothing that needs a destructor.
void vector_holds(void** state) {
  static char failure[16384];
  const auto run = [state] {
    std::string text;
    try {
      text = difference(*static_cast<std::string*>(*state));
    } catch (const std::exception& error) {
      text = error.what();
    }
    std::snprintf(failure, sizeof(failure), "%s", text.c_str());
  };
  run();
  if (failure[0] != 0) fail_msg("%s", failure);
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> files = vector_files();
  if (argc > 1 && std::strcmp(argv[1], "--regenerate") == 0) {
    for (const std::string& file : files) regenerate(file);
    return 0;
  }
  std::vector<std::string> names;
  for (const std::string& file : files) {
    names.push_back(std::filesystem::path(file).stem().string());
  }
  std::vector<CMUnitTest> tests;
  for (size_t i = 0; i < files.size(); ++i) {
    tests.push_back({names[i].c_str(), vector_holds, nullptr, nullptr, &files[i]});
  }
  if (tests.size() < 12) return 1;  // a folder that lost its vectors must not pass
  return _cmocka_run_group_tests("conformance", tests.data(), tests.size(), nullptr, nullptr);
}
