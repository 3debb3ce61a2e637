#include "common/os/unix_socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.hpp"
#include "common/os/file.hpp"

namespace concourse::os {

namespace {

// sun_path holds 107 bytes. A longer path is reached through its directory's descriptor, which must stay open meanwhile.
struct Address {
  sockaddr_un un{};
  UniqueFd directory;

  explicit Address(const std::filesystem::path& path) {
    un.sun_family = AF_UNIX;
    std::string text = path.string();
    if (text.size() >= sizeof un.sun_path) {
      directory = open_file(path.parent_path(), O_PATH | O_DIRECTORY);
      text = "/proc/self/fd/" + std::to_string(directory.get()) + "/" + path.filename().string();
      if (text.size() >= sizeof un.sun_path) throw Error(ErrorKind::invalid, "socket name '" + path.string() + "' is too long");
    }
    std::memcpy(un.sun_path, text.c_str(), text.size() + 1);
  }

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&un); }
};

UniqueFd new_socket(int flags) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0));
  if (!fd) throw SysError("make a Unix socket");
  return fd;
}

[[noreturn]] void timed_out(const std::string& what, Deadline deadline) {
  throw Error(ErrorKind::timeout, what + ": not within " + deadline.limit());
}

// Fills `size` bytes, and adds what travels with them to the frame. False at a clean end of stream before the first byte.
bool receive_exactly(int socket, char* out, std::size_t size, Frame& frame, Deadline deadline) {
  std::size_t done = 0;
  while (done < size) {
    iovec part{out + done, size - done};
    alignas(cmsghdr) char control[CMSG_SPACE(kMaxFrameFds * sizeof(int)) + CMSG_SPACE(sizeof(ucred))];
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN) throw SysError("receive a message");
      if (!wait_for(socket, POLLIN, deadline)) timed_out("receive a message", deadline);
      continue;
    }
    for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
      if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS) {
        ucred sender{};
        std::memcpy(&sender, CMSG_DATA(c), sizeof sender);
        frame.sender = sender.pid;
      }
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
      const std::size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
      for (std::size_t i = 0; i < count; ++i) {
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
        frame.fds.emplace_back(fd);
      }
    }
    if (n == 0) {
      if (done == 0) return false;
      throw Error(ErrorKind::unavailable, "the peer hung up in the middle of a message");
    }
    done += static_cast<std::size_t>(n);
  }
  return true;
}

}  // namespace

bool wait_for(int fd, short events, Deadline deadline) {
  for (;;) {
    pollfd p{fd, events, 0};
    const int n = ::poll(&p, 1, deadline.poll_ms());
    if (n > 0) return true;
    if (n == 0) return false;
    if (errno != EINTR) throw SysError("poll");
  }
}

UniqueFd listen_unix(const std::filesystem::path& path, mode_t mode, int backlog) {
  auto fd = new_socket(0);
  const Address address(path);
  ::unlink(path.c_str());
  // The socket file's mode is 0777 less the umask of the process; narrow it before anybody can connect.
  fchmod(fd.get(), mode);
  if (::bind(fd.get(), address.get(), sizeof address.un) != 0) throw SysError("bind '" + path.string() + "'");
  if (::chmod(path.c_str(), mode) != 0) throw SysError("set the mode of '" + path.string() + "'");
  if (::listen(fd.get(), backlog) != 0) throw SysError("listen on '" + path.string() + "'");
  return fd;
}

UniqueFd connect_unix(const std::filesystem::path& path, Deadline deadline) {
  const Address address(path);
  for (;;) {
    auto fd = new_socket(SOCK_NONBLOCK);
    if (::connect(fd.get(), address.get(), sizeof address.un) == 0) {
      fcntl(fd.get(), F_SETFL, fcntl(fd.get(), F_GETFL) & ~O_NONBLOCK);
      return fd;
    }
    // EAGAIN: the backlog is full. A Unix socket gives no event for "room again", so look again shortly.
    if (errno != EAGAIN && errno != EINTR) throw SysError("connect to '" + path.string() + "'");
    if (deadline.passed()) timed_out("connect to '" + path.string() + "'", deadline);
    ::poll(nullptr, 0, 5);
  }
}

std::pair<UniqueFd, UniqueFd> socket_pair(int type) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0) throw SysError("make a socket pair");
  return {UniqueFd(fds[0]), UniqueFd(fds[1])};
}

void send_frame(int socket, std::string_view body, const std::vector<int>& fds, Deadline deadline) {
  if (body.size() > kMaxFrame) throw Error(ErrorKind::invalid, "message of " + std::to_string(body.size()) + " bytes is too long");
  if (fds.size() > kMaxFrameFds) throw Error(ErrorKind::internal, "too many descriptors in one message");
  std::string wire(4, '\0');
  for (int i = 0; i < 4; ++i) wire[static_cast<std::size_t>(i)] = static_cast<char>(body.size() >> (8 * i) & 0xff);
  wire += body;

  std::size_t done = 0;
  while (done < wire.size()) {
    iovec part{wire.data() + done, wire.size() - done};
    alignas(cmsghdr) char control[CMSG_SPACE(kMaxFrameFds * sizeof(int))]{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (done == 0 && !fds.empty()) {
      message.msg_control = control;
      message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr* c = CMSG_FIRSTHDR(&message);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
    }
    const ssize_t n = sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno == EAGAIN) {
      if (!wait_for(socket, POLLOUT, deadline)) timed_out("send a message", deadline);
    } else if (errno != EINTR) {
      throw SysError("send a message");
    }
  }
}

void show_sender(int socket) {
  const int on = 1;
  if (::setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) throw SysError("ask for the sender of messages");
}

std::optional<Frame> receive_frame(int socket, Deadline deadline) {
  Frame frame;
  char head[4];
  if (!receive_exactly(socket, head, sizeof head, frame, deadline)) return std::nullopt;
  std::size_t size = 0;
  for (int i = 0; i < 4; ++i) size |= static_cast<std::size_t>(static_cast<unsigned char>(head[i])) << (8 * i);
  if (size > kMaxFrame) throw Error(ErrorKind::invalid, "the peer announces a message of " + std::to_string(size) + " bytes");
  frame.body.resize(size);
  if (size > 0 && !receive_exactly(socket, frame.body.data(), size, frame, deadline))
    throw Error(ErrorKind::unavailable, "the peer hung up in the middle of a message");
  return frame;
}

Frame call_unix(const std::filesystem::path& path, std::string_view body, const std::vector<int>& fds, Deadline deadline) {
  const auto socket = connect_unix(path, deadline);
  send_frame(socket.get(), body, fds, deadline);
  auto answer = receive_frame(socket.get(), deadline);
  if (!answer) throw Error(ErrorKind::unavailable, "'" + path.string() + "' hung up without an answer");
  return std::move(*answer);
}

}  // namespace concourse::os
