/* Status codes and fields as text: all have one, none share one. */
#include "fixture.h"

static const hexagent_status kCodes[] = {
    HEXAGENT_OK,
    HEXAGENT_E_ARGUMENT,
    HEXAGENT_E_STRUCT_SIZE,
    HEXAGENT_E_TOO_NEW,
    HEXAGENT_E_RESERVED,
    HEXAGENT_E_RANGE,
    HEXAGENT_E_NAME,
    HEXAGENT_E_KEY,
    HEXAGENT_E_VERSION,
    HEXAGENT_E_UNKNOWN_WORKFLOW,
    HEXAGENT_E_UNKNOWN_CALL,
    HEXAGENT_E_UNKNOWN_WORKER,
    HEXAGENT_E_UNKNOWN_PROFILE,
    HEXAGENT_E_UNKNOWN_DEPENDENCY,
    HEXAGENT_E_DEAD_DEPENDENCY,
    HEXAGENT_E_CYCLE,
    HEXAGENT_E_DUPLICATE,
    HEXAGENT_E_STALE,
    HEXAGENT_E_ENDED,
    HEXAGENT_E_STATE,
    HEXAGENT_E_ORDER,
    HEXAGENT_E_TIME,
    HEXAGENT_E_CANCELLED,
    HEXAGENT_E_WORKER_LOST,
    HEXAGENT_E_EXPIRED,
    HEXAGENT_E_CALL_FAILED,
    HEXAGENT_E_DEADLINE,
    HEXAGENT_E_TENANT_LIMIT,
    HEXAGENT_E_CLOSED,
    HEXAGENT_E_POISONED,
    HEXAGENT_E_FORKED,
    HEXAGENT_E_INTERNAL,
    HEXAGENT_E_UNSUPPORTED,
    HEXAGENT_E_AGAIN,
    HEXAGENT_E_NO_MEMORY,
    HEXAGENT_E_FULL,
    HEXAGENT_E_TOO_LONG,
    HEXAGENT_E_NEVER_FITS,
    HEXAGENT_E_NO_WORKER,
    HEXAGENT_E_BUFFER,
    HEXAGENT_E_SYSTEM,
    HEXAGENT_E_IO,
    HEXAGENT_E_DAMAGED,
    HEXAGENT_E_DIFFERENT,
    HEXAGENT_E_BUSY,
    HEXAGENT_E_NO_DEVICE,
    HEXAGENT_E_PEER,
    HEXAGENT_E_TIMEOUT,
    HEXAGENT_E_CHECKSUM,
    HEXAGENT_E_SECRET,
};

static void every_status_has_a_name_and_a_sentence_of_its_own(void** state) {
  (void)state;
  for (uint32_t i = 0; i < COUNT_OF(kCodes); ++i) {
    const char* name = hexagent_status_name(kCodes[i]);
    const char* text = hexagent_status_text(kCodes[i]);
    assert_memory_equal(name, "HEXAGENT_", 9);
    assert_string_not_equal(name, "HEXAGENT_E_?");
    assert_true(strlen(text) > 5 && text[strlen(text) - 1] == '.');
    for (uint32_t j = 0; j < i; ++j) {
      assert_string_not_equal(name, hexagent_status_name(kCodes[j]));
      assert_string_not_equal(text, hexagent_status_text(kCodes[j]));
    }
  }
  assert_string_equal(hexagent_status_name(HEXAGENT_E_CYCLE), "HEXAGENT_E_CYCLE");
}

/* A code that is named and not listed above was added without its test. */
static void no_status_is_missing_from_this_test(void** state) {
  (void)state;
  uint32_t named = 0;
  for (hexagent_status status = -1000; status <= 1000; ++status) {
    if (strcmp(hexagent_status_name(status), "HEXAGENT_E_?") != 0) ++named;
  }
  assert_int_equal(named, COUNT_OF(kCodes));
}

static void an_unknown_status_has_a_name_and_a_sentence_too(void** state) {
  (void)state;
  assert_string_equal(hexagent_status_name(7), "HEXAGENT_E_?");
  assert_string_equal(hexagent_status_name(INT32_MIN), "HEXAGENT_E_?");
  assert_non_null(hexagent_status_text(-99999));
}

static void fields_are_named_as_in_the_records(void** state) {
  (void)state;
  assert_string_equal(hexagent_field_name(HEXAGENT_FIELD_NONE), "");
  assert_string_equal(hexagent_field_name(HEXAGENT_FIELD_PROMPT_TOKENS), "prompt_tokens");
  assert_string_equal(hexagent_field_name(HEXAGENT_FIELD_TEMPLATE), "template_name");
  assert_string_equal(hexagent_field_name(UINT32_MAX), "?");
  for (uint32_t field = 0; field <= HEXAGENT_FIELD_TEMPLATE; ++field) {
    assert_string_not_equal(hexagent_field_name(field), "?");
    for (uint32_t other = 0; other < field; ++other) {
      assert_string_not_equal(hexagent_field_name(field), hexagent_field_name(other));
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_status_has_a_name_and_a_sentence_of_its_own),
      cmocka_unit_test(no_status_is_missing_from_this_test),
      cmocka_unit_test(an_unknown_status_has_a_name_and_a_sentence_too),
      cmocka_unit_test(fields_are_named_as_in_the_records),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
