// SystemFailure: the operating system refused something that opening a scheduler needs (a thread, a
// descriptor). Thrown by constructors of the runtime only; hexagent_open() turns it into
// HEXAGENT_E_SYSTEM with a text.
#pragma once

namespace hexagent {

struct SystemFailure {
  const char* what;  // static text: what was wanted
  int error;         // errno
};

}  // namespace hexagent
