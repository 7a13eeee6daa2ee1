// SHA-256 by the examples of FIPS 180-4, HMAC-SHA-256 by the vectors of RFC 4231.
#include "control/hmac_sha256.h"

#include <algorithm>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdio>
#include <string>

extern "C" {
#include <cmocka.h>
}

namespace {

using namespace hexagent::control;  // NOLINT: a test of one file

std::string hex(const Digest& digest) {
  std::string text;
  for (const uint8_t byte : digest) {
    char two[3];
    std::snprintf(two, sizeof(two), "%02x", byte);
    text += two;
  }
  return text;
}

std::string sum(const std::string& text) {
  Sha256 sha;
  sha.add(text.data(), text.size());
  return hex(sha.finish());
}

std::string mac(const std::string& key, const std::string& text) {
  HmacSha256 hmac(key);
  hmac.add(text.data(), text.size());
  return hex(hmac.finish());
}

void sums_are_those_of_the_standard(void**) {
  assert_string_equal(sum("").c_str(),
                      "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  assert_string_equal(sum("abc").c_str(),
                      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_string_equal(sum("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").c_str(),
                      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  assert_string_equal(sum(std::string(1'000'000, 'a')).c_str(),
                      "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

void pieces_make_the_same_sum_as_the_whole(void**) {
  const std::string text(300, 'x');
  for (size_t piece = 1; piece < 130; ++piece) {
    Sha256 sha;
    for (size_t at = 0; at < text.size(); at += piece) {
      sha.add(text.data() + at, std::min(piece, text.size() - at));
    }
    assert_string_equal(hex(sha.finish()).c_str(), sum(text).c_str());
  }
}

void codes_are_those_of_the_standard(void**) {
  assert_string_equal(mac(std::string(20, '\x0b'), "Hi There").c_str(),
                      "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  assert_string_equal(mac("Jefe", "what do ya want for nothing?").c_str(),
                      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  assert_string_equal(mac(std::string(20, '\xaa'), std::string(50, '\xdd')).c_str(),
                      "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
  assert_string_equal(
      mac(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")
          .c_str(),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

void one_bit_makes_another_digest(void**) {
  Digest one = {};
  for (size_t bit = 0; bit < 256; ++bit) {
    Digest other = one;
    other[bit / 8] = static_cast<uint8_t>(1u << (bit % 8));
    assert_false(same_digest(one, other));
  }
  assert_true(same_digest(one, Digest{}));
}

}  // namespace

int main() {
  const CMUnitTest tests[] = {
      cmocka_unit_test(sums_are_those_of_the_standard),
      cmocka_unit_test(pieces_make_the_same_sum_as_the_whole),
      cmocka_unit_test(codes_are_those_of_the_standard),
      cmocka_unit_test(one_bit_makes_another_digest),
  };
  return cmocka_run_group_tests_name("hmac sha-256", tests, nullptr, nullptr);
}
