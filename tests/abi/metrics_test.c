/* Statistics and their OpenMetrics text, as a scraper gets them. */
#include "fixture.h"

static void the_text_is_whole_in_a_buffer_of_the_size_told(void** state) {
  const fixture* self = *state;
  uint32_t needed = 0;
  assert_int_equal(hexagent_metrics_write(self->scheduler, NULL, 0, &needed), HEXAGENT_E_BUFFER);
  assert_true(needed > 1000 && needed < 16384);
  char* text = malloc(needed + 1);
  assert_non_null(text);
  text[needed] = '#';
  uint32_t again = 0;
  assert_int_equal(hexagent_metrics_write(self->scheduler, text, needed, &again), HEXAGENT_OK);
  assert_int_equal(again, needed);
  assert_int_equal(strlen(text), needed - 1);
  assert_int_equal(text[needed], '#');
  assert_string_equal(text + needed - 7, "# EOF\n");
  assert_int_equal(hexagent_metrics_write(self->scheduler, text, needed - 1, &again),
                   HEXAGENT_E_BUFFER);
  assert_int_equal(again, needed);
  assert_int_equal(hexagent_metrics_write(self->scheduler, text, needed, NULL), HEXAGENT_OK);
  assert_int_equal(hexagent_metrics_write(self->scheduler, NULL, 5, NULL), HEXAGENT_E_ARGUMENT);
  free(text);
}

static void counts_move_with_the_inputs(void** state) {
  const fixture* self = *state;
  assert_int_equal(hexagent_worker_lost(self->scheduler, 1, 1, 1), HEXAGENT_OK);
  assert_int_equal(hexagent_step(self->scheduler, 1), 1);
  char text[16384];
  assert_int_equal(hexagent_metrics_write(self->scheduler, text, sizeof(text), NULL), HEXAGENT_OK);
  assert_non_null(strstr(text, "# TYPE hexagent_inputs counter\nhexagent_inputs_total 1\n"));
  assert_null(strstr(text, "hexagent_endpoints_connected")); /* of a scheduler without endpoints */
  hexagent_stats stats;
  memset(&stats, 0, sizeof(stats));
  stats.struct_size = sizeof(stats);
  assert_int_equal(hexagent_stats_read(self->scheduler, &stats), HEXAGENT_OK);
  assert_int_equal(stats.inputs, 1);
  assert_true(stats.bytes_allocated > 4000000); /* the intake queue alone */
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
  const struct CMUnitTest tests[] = {
      TEST(the_text_is_whole_in_a_buffer_of_the_size_told),
      TEST(counts_move_with_the_inputs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
