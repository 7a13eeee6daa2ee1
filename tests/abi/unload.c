/*
 * The library in a process that loads and unloads it at run time, as plugins of gateways and
 * language bindings do: unloading pulls no code from under its thread, nothing is left behind by a
 * scheduler that was closed, and the signals of the host are as they were. Not linked to the
 * library; takes its path.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <hexagent/hexagent.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

/* cmocka.h needs the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#define PATIENCE_MS 60000 /* sanitizers on a busy machine are slow */

static const char* path;

/* What the tests call of it, found by name. */
typedef struct library {
  void* loaded;
  hexagent_config* (*config_create)(void);
  hexagent_status (*config_set)(hexagent_config*, const char*, const char*, hexagent_error*);
  void (*config_free)(hexagent_config*);
  hexagent_scheduler* (*open)(const hexagent_config*, uint32_t, hexagent_error*);
  hexagent_status (*ready)(hexagent_scheduler*, uint64_t, uint64_t, uint64_t);
  int32_t (*event_fd)(hexagent_scheduler*);
  int32_t (*poll)(hexagent_scheduler*, hexagent_decision*, uint32_t);
  void (*close)(hexagent_scheduler*);
} library;

/* Through memory, since ISO C converts no object pointer to a function. */
static void find(void* loaded, const char* name, void* function) {
  void* found = dlsym(loaded, name);
  if (found == NULL) fail_msg("%s: %s", name, dlerror());
  memcpy(function, &found, sizeof(found));
}

static library load(void) {
  library self;
  memset(&self, 0, sizeof(self));
  self.loaded = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (self.loaded == NULL) fail_msg("%s", dlerror());
  find(self.loaded, "hexagent_config_create", &self.config_create);
  find(self.loaded, "hexagent_config_set", &self.config_set);
  find(self.loaded, "hexagent_config_free", &self.config_free);
  find(self.loaded, "hexagent_open", &self.open);
  find(self.loaded, "hexagent_ready", &self.ready);
  find(self.loaded, "hexagent_event_fd", &self.event_fd);
  find(self.loaded, "hexagent_poll", &self.poll);
  find(self.loaded, "hexagent_close", &self.close);
  return self;
}

static hexagent_scheduler* open_with_a_thread(const library* self) {
  hexagent_config* config = self->config_create();
  assert_non_null(config);
  assert_int_equal(self->config_set(config, "driving", "thread", NULL), HEXAGENT_OK);
  assert_int_equal(self->config_set(config, "calls_max", "1024", NULL), HEXAGENT_OK);
  assert_int_equal(self->config_set(config, "workflows_max", "256", NULL), HEXAGENT_OK);
  hexagent_scheduler* scheduler = self->open(config, HEXAGENT_VERSION, NULL);
  self->config_free(config);
  assert_non_null(scheduler);
  return scheduler;
}

/* An input goes to the library's thread, and its verdict comes back. */
static void expect_an_answer(const library* self, hexagent_scheduler* scheduler) {
  assert_int_equal(self->ready(scheduler, 77, 1, 4711), HEXAGENT_OK);
  struct pollfd entry = {self->event_fd(scheduler), POLLIN, 0};
  hexagent_decision decision;
  int32_t count = 0;
  while (count == 0) {
    assert_int_equal(poll(&entry, 1, PATIENCE_MS), 1);
    count = self->poll(scheduler, &decision, 1);
  }
  assert_int_equal(count, 1);
  assert_int_equal(decision.user_data, 4711);
}

static uint32_t count_entries(const char* folder) {
  uint32_t count = 0;
  DIR* listing = opendir(folder);
  assert_non_null(listing);
  while (readdir(listing) != NULL) ++count;
  closedir(listing);
  return count;
}

static void unloading_leaves_a_scheduler_at_work(void** state) {
  (void)state;
  const library self = load();
  hexagent_scheduler* scheduler = open_with_a_thread(&self);
  expect_an_answer(&self, scheduler);
  assert_int_equal(dlclose(self.loaded), 0);
  expect_an_answer(&self, scheduler);
  self.close(scheduler);
}

static void a_closed_scheduler_leaves_no_thread_and_no_descriptor(void** state) {
  (void)state;
  const uint32_t threads = count_entries("/proc/self/task");
  const uint32_t descriptors = count_entries("/proc/self/fd");
  for (int round = 0; round < 20; ++round) {
    const library self = load();
    hexagent_scheduler* scheduler = open_with_a_thread(&self);
    expect_an_answer(&self, scheduler);
    self.close(scheduler);
    assert_int_equal(dlclose(self.loaded), 0);
  }
  assert_int_equal(count_entries("/proc/self/fd"), descriptors);
  /* A thread that was joined may still have its entry for a moment. */
  for (int tries = 0; count_entries("/proc/self/task") > threads && tries < PATIENCE_MS; ++tries) {
    poll(NULL, 0, 1);
  }
  assert_int_equal(count_entries("/proc/self/task"), threads);
}

static void the_signals_of_the_host_are_as_they_were(void** state) {
  (void)state;
  struct sigaction before[SIGRTMAX + 1];
  sigset_t mask_before;
  memset(before, 0, sizeof(before));
  sigprocmask(SIG_SETMASK, NULL, &mask_before);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) sigaction(signal, NULL, &before[signal]);
  const library self = load();
  hexagent_scheduler* scheduler = open_with_a_thread(&self);
  expect_an_answer(&self, scheduler);
  sigset_t mask;
  sigprocmask(SIG_SETMASK, NULL, &mask);
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    struct sigaction now;
    memset(&now, 0, sizeof(now));
    sigaction(signal, NULL, &now);
    assert_true(now.sa_handler == before[signal].sa_handler);
    assert_int_equal(now.sa_flags, before[signal].sa_flags);
    assert_int_equal(sigismember(&mask, signal), sigismember(&mask_before, signal));
  }
  self.close(scheduler);
  assert_int_equal(dlclose(self.loaded), 0);
}

int main(int count, char** arguments) {
  if (count != 2) return 2;
  path = arguments[1];
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(unloading_leaves_a_scheduler_at_work),
      cmocka_unit_test(a_closed_scheduler_leaves_no_thread_and_no_descriptor),
      cmocka_unit_test(the_signals_of_the_host_are_as_they_were),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
