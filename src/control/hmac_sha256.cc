// SHA-256 and HMAC: see hmac_sha256.h.
#include "control/hmac_sha256.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace hexagent::control {
namespace {

constexpr size_t kBlockSize = 64;

// First 32 bits of the fractional parts of the cube roots of the first 64 primes.
constexpr uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

// And of the square roots of the first 8.
constexpr uint32_t kStart[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

uint32_t load(const uint8_t* bytes) {
  return uint32_t{bytes[0]} << 24 | uint32_t{bytes[1]} << 16 | uint32_t{bytes[2]} << 8 | bytes[3];
}

}  // namespace

Sha256::Sha256() { std::copy(std::begin(kStart), std::end(kStart), state_); }

void Sha256::mix(const uint8_t* block) {
  uint32_t word[64];
  for (size_t i = 0; i < 16; ++i) word[i] = load(block + 4 * i);
  for (size_t i = 16; i < 64; ++i) {
    const uint32_t a = word[i - 15];
    const uint32_t b = word[i - 2];
    word[i] = word[i - 16] + word[i - 7] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3)) +
              (std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10));
  }
  uint32_t s[8];
  std::copy(state_, state_ + 8, s);
  for (size_t i = 0; i < 64; ++i) {
    const uint32_t sum1 = std::rotr(s[4], 6) ^ std::rotr(s[4], 11) ^ std::rotr(s[4], 25);
    const uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
    const uint32_t one = s[7] + sum1 + choice + kRound[i] + word[i];
    const uint32_t sum0 = std::rotr(s[0], 2) ^ std::rotr(s[0], 13) ^ std::rotr(s[0], 22);
    const uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
    std::copy_backward(s, s + 7, s + 8);
    s[4] += one;
    s[0] = one + sum0 + majority;
  }
  for (size_t i = 0; i < 8; ++i) state_[i] += s[i];
}

void Sha256::add(const void* bytes, size_t size) {
  const auto* from = static_cast<const uint8_t*>(bytes);
  size_t filled = size_ % kBlockSize;
  size_ += size;
  while (size > 0) {
    const size_t part = std::min(size, kBlockSize - filled);
    std::memcpy(block_ + filled, from, part);
    from += part;
    size -= part;
    filled += part;
    if (filled < kBlockSize) return;
    mix(block_);
    filled = 0;
  }
}

Digest Sha256::finish() {
  const uint64_t bits = size_ * 8;
  const uint8_t end = 0x80;
  const uint8_t zero = 0;
  add(&end, 1);
  while (size_ % kBlockSize != kBlockSize - 8) add(&zero, 1);
  uint8_t length[8];
  for (size_t i = 0; i < 8; ++i) length[i] = static_cast<uint8_t>(bits >> (56 - 8 * i));
  add(length, sizeof(length));
  Digest digest;
  for (size_t i = 0; i < kDigestSize; ++i) {
    digest[i] = static_cast<uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
  }
  return digest;
}

HmacSha256::HmacSha256(std::string_view key) {
  uint8_t block[kBlockSize] = {};
  if (key.size() > kBlockSize) {
    Sha256 shortened;
    shortened.add(key.data(), key.size());
    const Digest digest = shortened.finish();
    std::copy(digest.begin(), digest.end(), block);
  } else {
    std::copy(key.begin(), key.end(), block);
  }
  for (size_t i = 0; i < kBlockSize; ++i) {
    outer_pad_[i] = block[i] ^ 0x5c;
    block[i] ^= 0x36;
  }
  inner_.add(block, sizeof(block));
}

void HmacSha256::add(uint64_t number) {
  uint8_t bytes[8];
  for (size_t i = 0; i < 8; ++i) bytes[i] = static_cast<uint8_t>(number >> (8 * i));
  add(bytes, sizeof(bytes));
}

Digest HmacSha256::finish() {
  const Digest inside = inner_.finish();
  Sha256 outer;
  outer.add(outer_pad_, sizeof(outer_pad_));
  outer.add(inside.data(), inside.size());
  return outer.finish();
}

bool same_digest(const Digest& one, const Digest& other) {
  uint8_t difference = 0;
  for (size_t i = 0; i < kDigestSize; ++i) {
    difference = static_cast<uint8_t>(difference | (one[i] ^ other[i]));
  }
  return difference == 0;
}

}  // namespace hexagent::control
