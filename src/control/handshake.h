// How the ends of a control connection prove to each other that they share a secret:
//
//   controller -> CHALLENGE  protocol, its nonce
//   endpoint   -> HELLO      protocol, worker, incarnation, its nonce, mac of all that
//   controller -> WELCOME    session, mac of both nonces and the session     (or REFUSED, and
//   hangs up)
//
// The secret never travels. Both nonces are fresh, so a HELLO or WELCOME that was overheard is of
// no use for another connection; the two codes begin with different labels, so neither can be sent
// back as the other. What follows is not encrypted and not signed: who can change bytes between two
// machines must be kept out by the network. Tests: tests/unit/control/handshake_test.cc.
#pragma once

#include <string_view>

#include "control/message.h"

namespace hexagent::control {

// Shorter secrets are refused: they could be guessed from an overheard HELLO.
inline constexpr size_t kSecretMin = 16;  // bytes

// False when the system has no randomness to give.
bool draw(Nonce* nonce);
bool draw(uint64_t* number);

Message make_challenge(const Nonce& nonce);

// The endpoint's answer; worker, incarnation, nonce and text of `wanted` are told.
Message make_hello(std::string_view secret, const Message& challenge, const Message& wanted);

// HEXAGENT_OK, HEXAGENT_E_VERSION (another protocol), HEXAGENT_E_SECRET.
hexagent_status check_hello(std::string_view secret, const Nonce& challenge, const Message& hello);

Message make_welcome(std::string_view secret, const Nonce& challenge, const Message& hello,
                     uint64_t session);

// HEXAGENT_OK or HEXAGENT_E_SECRET: whoever listens there is not our controller.
hexagent_status check_welcome(std::string_view secret, const Nonce& challenge, const Message& hello,
                              const Message& welcome);

}  // namespace hexagent::control
