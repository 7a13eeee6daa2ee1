// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), by which the two ends of a control connection
// prove that they share a secret without telling it.
//
// Our own, and small: the library links libuv and nothing else, and a TLS library for some hashes a
// connection would be its largest dependency by far. Nothing here is fast or need be. Checked with
// the vectors of FIPS 180-4 and RFC 4231: tests/unit/control/hmac_sha256_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace hexagent::control {

inline constexpr size_t kDigestSize = 32;  // bytes
using Digest = std::array<uint8_t, kDigestSize>;

class Sha256 {
 public:
  Sha256();
  void add(const void* bytes, size_t size);
  // Once, after everything was added.
  Digest finish();

 private:
  void mix(const uint8_t* block);

  uint32_t state_[8];
  uint64_t size_ = 0;
  uint8_t block_[64] = {};
};

class HmacSha256 {
 public:
  explicit HmacSha256(std::string_view key);
  void add(const void* bytes, size_t size) { inner_.add(bytes, size); }
  // A number as 8 bytes, little-endian.
  void add(uint64_t number);
  Digest finish();

 private:
  Sha256 inner_;
  uint8_t outer_pad_[64];
};

// Takes the same time whatever the difference, so that a wrong code tells nothing about the right
// one.
bool same_digest(const Digest& one, const Digest& other);

}  // namespace hexagent::control
