// The handshake: see handshake.h.
#include "control/handshake.h"

#include <sys/random.h>

namespace hexagent::control {
namespace {

constexpr std::string_view kEndpointLabel = "hexagent control 1 endpoint";
constexpr std::string_view kControllerLabel = "hexagent control 1 controller";

bool fill(void* bytes, size_t size) {
  return getrandom(bytes, size, 0) == static_cast<ssize_t>(size);
}

Digest prove(std::string_view secret, std::string_view label, const Nonce& challenge,
             const Message& hello, uint64_t session) {
  HmacSha256 mac(secret);
  mac.add(label.data(), label.size());
  mac.add(hello.protocol);
  mac.add(challenge.data(), challenge.size());
  mac.add(hello.nonce.data(), hello.nonce.size());
  mac.add(hello.worker);
  mac.add(hello.incarnation);
  mac.add(session);
  return mac.finish();
}

}  // namespace

bool draw(Nonce* nonce) { return fill(nonce->data(), nonce->size()); }

bool draw(uint64_t* number) { return fill(number, sizeof(*number)); }

Message make_challenge(const Nonce& nonce) {
  Message challenge;
  challenge.kind = Kind::kChallenge;
  challenge.protocol = kProtocol;
  challenge.nonce = nonce;
  return challenge;
}

Message make_hello(std::string_view secret, const Message& challenge, const Message& wanted) {
  Message hello;
  hello.kind = Kind::kHello;
  hello.protocol = kProtocol;
  hello.worker = wanted.worker;
  hello.incarnation = wanted.incarnation;
  hello.nonce = wanted.nonce;
  hello.text = wanted.text;
  hello.mac = prove(secret, kEndpointLabel, challenge.nonce, hello, 0);
  return hello;
}

hexagent_status check_hello(std::string_view secret, const Nonce& challenge, const Message& hello) {
  if (hello.protocol != kProtocol) return HEXAGENT_E_VERSION;
  const Digest wanted = prove(secret, kEndpointLabel, challenge, hello, 0);
  return same_digest(hello.mac, wanted) ? HEXAGENT_OK : HEXAGENT_E_SECRET;
}

Message make_welcome(std::string_view secret, const Nonce& challenge, const Message& hello,
                     uint64_t session) {
  Message welcome;
  welcome.kind = Kind::kWelcome;
  welcome.session = session;
  welcome.mac = prove(secret, kControllerLabel, challenge, hello, session);
  return welcome;
}

hexagent_status check_welcome(std::string_view secret, const Nonce& challenge, const Message& hello,
                              const Message& welcome) {
  const Digest wanted = prove(secret, kControllerLabel, challenge, hello, welcome.session);
  return same_digest(welcome.mac, wanted) ? HEXAGENT_OK : HEXAGENT_E_SECRET;
}

}  // namespace hexagent::control
