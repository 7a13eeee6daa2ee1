// TextWriter: text into a caller's buffer, counting what it would need if the buffer is too small.
//
// Numbers are written by std::to_chars: the host's locale must not change what the library says.
// Tests: tests/unit/metrics/text_writer_test.cc.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace hexagent {

class TextWriter {
 public:
  // `capacity` counts the terminating zero; buffer may be null when it is 0.
  TextWriter(char* buffer, uint64_t capacity) : buffer_(buffer), capacity_(capacity) { end(); }

  TextWriter& operator<<(std::string_view text) {
    if (size_ + 1 < capacity_) {
      const uint64_t room = capacity_ - 1 - size_;
      std::memcpy(buffer_ + size_, text.data(), text.size() < room ? text.size() : room);
    }
    size_ += text.size();
    end();
    return *this;
  }

  template <class Number>
  requires std::integral<Number> || std::floating_point<Number> TextWriter& operator<<(
      Number number) {
    char digits[40] = {};  // g++ 12 cannot see that what is read was written
    const std::to_chars_result result = std::to_chars(digits, digits + sizeof(digits), number);
    return *this << std::string_view(digits, static_cast<size_t>(result.ptr - digits));
  }

  // Bytes of the whole text with its terminating zero.
  uint64_t needed() const { return size_ + 1; }
  bool complete() const { return needed() <= capacity_; }

 private:
  void end() {
    if (capacity_ > 0) buffer_[size_ < capacity_ ? size_ : capacity_ - 1] = '\0';
  }

  char* buffer_;
  uint64_t capacity_;
  uint64_t size_ = 0;  // bytes written, or that would have been
};

}  // namespace hexagent
