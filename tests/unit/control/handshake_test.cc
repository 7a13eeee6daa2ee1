// The handshake: who shares the secret gets in, and nobody else, also not with what was overheard.
#include "control/handshake.h"

#include <csetjmp>
#include <cstdarg>
#include <cstddef>

#include "control/address.h"

extern "C" {
#include <cmocka.h>
}

namespace {

using namespace hexagent::control;  // NOLINT: a test of one file

constexpr std::string_view kSecret = "correct horse battery staple";

Message wanted() {
  Message wanted;
  wanted.worker = 3;
  wanted.incarnation = 40;
  wanted.text = "host-memory";
  assert_true(draw(&wanted.nonce));
  return wanted;
}

Nonce challenge() {
  Nonce nonce;
  assert_true(draw(&nonce));
  return nonce;
}

void who_shares_the_secret_is_let_in(void**) {
  const Nonce nonce = challenge();
  const Message hello = make_hello(kSecret, make_challenge(nonce), wanted());
  assert_int_equal(check_hello(kSecret, nonce, hello), HEXAGENT_OK);
  const Message welcome = make_welcome(kSecret, nonce, hello, 77);
  assert_int_equal(check_welcome(kSecret, nonce, hello, welcome), HEXAGENT_OK);
}

void a_stranger_is_refused(void**) {
  const Nonce nonce = challenge();
  const Message hello = make_hello("another secret, as long", make_challenge(nonce), wanted());
  assert_int_equal(check_hello(kSecret, nonce, hello), HEXAGENT_E_SECRET);
}

void a_hello_is_good_once(void**) {
  const Nonce nonce = challenge();
  const Message hello = make_hello(kSecret, make_challenge(nonce), wanted());
  assert_int_equal(check_hello(kSecret, challenge(), hello), HEXAGENT_E_SECRET);
}

void a_hello_speaks_for_one_life_of_one_worker(void**) {
  const Nonce nonce = challenge();
  Message hello = make_hello(kSecret, make_challenge(nonce), wanted());
  ++hello.worker;
  assert_int_equal(check_hello(kSecret, nonce, hello), HEXAGENT_E_SECRET);
  --hello.worker;
  ++hello.incarnation;
  assert_int_equal(check_hello(kSecret, nonce, hello), HEXAGENT_E_SECRET);
}

void another_protocol_is_refused_as_such(void**) {
  const Nonce nonce = challenge();
  Message hello = make_hello(kSecret, make_challenge(nonce), wanted());
  hello.protocol = kProtocol + 1;
  assert_int_equal(check_hello(kSecret, nonce, hello), HEXAGENT_E_VERSION);
}

void a_false_controller_is_known(void**) {
  const Nonce nonce = challenge();
  const Message hello = make_hello(kSecret, make_challenge(nonce), wanted());
  Message welcome = make_welcome("another secret, as long", nonce, hello, 77);
  assert_int_equal(check_welcome(kSecret, nonce, hello, welcome), HEXAGENT_E_SECRET);
  welcome = make_welcome(kSecret, nonce, hello, 77);
  welcome.session = 78;
  assert_int_equal(check_welcome(kSecret, nonce, hello, welcome), HEXAGENT_E_SECRET);
  welcome.session = 0;
  welcome.mac = hello.mac;  // sent back
  assert_int_equal(check_welcome(kSecret, nonce, hello, welcome), HEXAGENT_E_SECRET);
}

void addresses_are_numbers_or_paths(void**) {
  Address address;
  for (const char* good : {"unix:/tmp/a", "tcp:127.0.0.1:80", "tcp:[::1]:0"}) {
    assert_true(parse_address(good, &address));
  }
  for (const char* bad : {"", "unix:", "tcp:", "tcp:localhost:80", "tcp:127.0.0.1",
                          "tcp:1.2.3.4:", "tcp:1.2.3.4:65536", "tcp:1.2.3.4:8x", "tcp:[::1:80",
                          "udp:1.2.3.4:5", "/tmp/a"}) {
    assert_false(parse_address(bad, &address));
  }
  assert_false(parse_address("unix:/" + std::string(200, 'a'), &address));
  assert_false(parse_address(std::string_view("unix:a\0b", 8), &address));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(who_shares_the_secret_is_let_in),
      cmocka_unit_test(a_stranger_is_refused),
      cmocka_unit_test(a_hello_is_good_once),
      cmocka_unit_test(a_hello_speaks_for_one_life_of_one_worker),
      cmocka_unit_test(another_protocol_is_refused_as_such),
      cmocka_unit_test(a_false_controller_is_known),
      cmocka_unit_test(addresses_are_numbers_or_paths),
  };
  return cmocka_run_group_tests_name("control handshake", tests, nullptr, nullptr);
}
