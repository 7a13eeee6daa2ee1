// peers_pair: what compare.py runs for each row that is not a peer's.
//   peers_pair memcpy | sockets | TRANSPORT [OPTIONS]
#include <cstdio>
#include <string>

#include "ours.h"
#include "plain.h"

int main(int count, char** arguments) {
  if (count < 2 || count > 3) {
    std::fprintf(stderr, "usage: %s memcpy | sockets | TRANSPORT [OPTIONS]\n", arguments[0]);
    return 2;
  }
  const std::string what = arguments[1];
  if (what == "memcpy") {
    hexagent::peers::run_memcpy();
  } else if (what == "sockets") {
    hexagent::peers::run_sockets();
  } else {
    hexagent::peers::run_ours(arguments[1], count == 3 ? arguments[2] : nullptr);
  }
  return 0;
}
