// The one error type for bad input files (traces, cluster files, profiles).
// It names the file, the line and the field, so that a user can mend the file without a debugger.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

namespace hexagent::sim {

class InputError : public std::runtime_error {
 public:
  // `line` counts from 1; 0 when the fault belongs to the file as a whole. `field` may be empty.
  InputError(std::string file, int64_t line, std::string field, std::string message)
      : std::runtime_error(describe(file, line, field, message)),
        file_(std::move(file)),
        line_(line),
        field_(std::move(field)),
        message_(std::move(message)) {}

  const std::string& file() const { return file_; }
  int64_t line() const { return line_; }
  const std::string& field() const { return field_; }
  const std::string& message() const { return message_; }

 private:
  static std::string describe(const std::string& file, int64_t line, const std::string& field,
                              const std::string& message) {
    std::string text = file + ":";
    if (line > 0) text += std::to_string(line) + ":";
    text += " ";
    if (!field.empty()) text += field + ": ";
    return text + message;
  }

  std::string file_;
  int64_t line_;
  std::string field_;
  std::string message_;
};

}  // namespace hexagent::sim
