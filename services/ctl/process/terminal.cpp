#include "services/ctl/process/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/error.hpp"

namespace concourse::ctl {

RawTerminal::RawTerminal(Keys keys) {
  if (::tcgetattr(STDIN_FILENO, &before_) != 0) throw SysError("read the terminal's settings");
  raw_ = before_;
  ::cfmakeraw(&raw_);
  if (keys == Keys::but_ctrl_c) {
    raw_.c_lflag |= ISIG;
    for (const int other : {VQUIT, VSUSP}) raw_.c_cc[other] = _POSIX_VDISABLE;
  }
  if (::tcsetattr(STDIN_FILENO, TCSADRAIN, &raw_) != 0) throw SysError("take over the terminal");
}

// Now, not when all output has been read: a stopped terminal would hold us up.
RawTerminal::~RawTerminal() { (void)::tcsetattr(STDIN_FILENO, TCSANOW, &before_); }

void RawTerminal::again() noexcept { (void)::tcsetattr(STDIN_FILENO, TCSANOW, &raw_); }

std::optional<protocol::garden::WindowSize> own_window_size() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return protocol::garden::WindowSize{size.ws_col, size.ws_row};
  }
  return std::nullopt;
}

}  // namespace concourse::ctl
