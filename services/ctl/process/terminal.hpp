// The terminal that a process in a container is shown on.
#pragma once

#include <termios.h>

#include <optional>

#include "common/protocol/garden.hpp"

namespace concourse::ctl {

enum class Keys {
  all,         // every key goes to the process, Ctrl-C too
  but_ctrl_c,  // Ctrl-C stays a signal to us
};

// As long as it lives, standard input, which must be a terminal, hands over each key as it is typed and shows none. Its end puts
// the terminal back as it was.
class RawTerminal {
 public:
  explicit RawTerminal(Keys keys);  // throws SysError
  ~RawTerminal();
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

  // Once more, after a stop: the shell has made the terminal its own meanwhile.
  void again() noexcept;

 private:
  termios before_{}, raw_{};
};

// Of the first of stdin, stdout and stderr that is a terminal.
std::optional<protocol::garden::WindowSize> own_window_size();

}  // namespace concourse::ctl
