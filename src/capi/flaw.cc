// Flaw: see flaw.h.
#include "capi/flaw.h"

#include "core/base/status.h"
#include "metrics/text_writer.h"

namespace hexagent {
namespace {

TextWriter& operator<<(TextWriter& text, const Number& number) {
  switch (number.kind) {
    case Number::Kind::kNone:
      return text;
    case Number::Kind::kUnsigned:
      return text << static_cast<uint64_t>(number.whole);
    case Number::Kind::kSigned:
      return text << number.whole;
    case Number::Kind::kReal:
      return text << number.real;
  }
  return text;
}

void describe(const Flaw& flaw, TextWriter* text) {
  if (flaw.member == nullptr) {
    if (flaw.status != HEXAGENT_OK) *text << std::string_view(status_text(flaw.status));
    return;
  }
  *text << std::string_view(flaw.member);
  if (flaw.value.kind != Number::Kind::kNone) *text << " = " << flaw.value;
  *text << ": ";
  if (flaw.rule != nullptr) {
    *text << std::string_view(flaw.rule);
  } else {
    *text << "must be " << flaw.minimum << " to " << flaw.maximum;
  }
}

}  // namespace

void tell(const Flaw& flaw, hexagent_error* error) noexcept {
  if (error == nullptr || !is_usable(error)) return;
  hexagent_error ours = {};
  ours.status = flaw.status;
  ours.field = flaw.field;
  TextWriter text(ours.text, sizeof(ours.text));
  describe(flaw, &text);
  write_sized(ours, error);
}

void tell(hexagent_status status, uint32_t field, const char* text,
          hexagent_error* error) noexcept {
  if (error == nullptr || !is_usable(error)) return;
  hexagent_error ours = {};
  ours.status = status;
  ours.field = field;
  TextWriter(ours.text, sizeof(ours.text)) << std::string_view(text);
  write_sized(ours, error);
}

}  // namespace hexagent
