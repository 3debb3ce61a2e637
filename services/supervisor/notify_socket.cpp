#include "services/supervisor/notify_socket.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/protocol/beacon.hpp"

namespace concourse::supervisor {

namespace {

constexpr std::size_t kMaxMessage = 4096;

// A datagram socket bound under a root-only mode from its first moment.
UniqueFd bind_datagram(const std::filesystem::path& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) throw SysError("make the notify socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const auto text = path.string();
  if (text.size() >= sizeof address.sun_path)
    throw Error(ErrorKind::usage, "flag --runtime-dir: '" + path.parent_path().string() + "' is too long for a socket's address");
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  const int on = 1;
  if (setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) != 0) throw SysError("set up the notify socket");
  ::unlink(text.c_str());
  fchmod(fd.get(), 0600);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) throw SysError("bind '" + text + "'");
  if (::chmod(text.c_str(), 0600) != 0) throw SysError("set the mode of '" + text + "'");
  return fd;
}

// Descriptors may come along (FDSTORE, BARRIER): taken only to be closed, which is also how a barrier is answered.
std::optional<pid_t> sender_of(msghdr& message) {
  std::optional<pid_t> sender;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level != SOL_SOCKET) continue;
    if (c->cmsg_type == SCM_CREDENTIALS) {
      ucred credentials{};
      std::memcpy(&credentials, CMSG_DATA(c), sizeof credentials);
      sender = credentials.pid;
    } else if (c->cmsg_type == SCM_RIGHTS) {
      for (std::size_t at = CMSG_LEN(0); at + sizeof(int) <= c->cmsg_len; at += sizeof(int)) {
        int fd = -1;
        std::memcpy(&fd, reinterpret_cast<const char*>(c) + at, sizeof fd);
        ::close(fd);
      }
    }
  }
  return sender;
}

}  // namespace

Notification parse_notification(std::string_view text) {
  Notification out;
  for (const auto& line : split(text, '\n')) {
    const auto equals = line.find('=');
    if (equals == std::string::npos) continue;
    const auto name = line.substr(0, equals), value = line.substr(equals + 1);
    if (name == "READY") out.ready = value == "1";
    else if (name == "STOPPING") out.stopping = value == "1";
    else if (name == "WATCHDOG") out.watchdog = value == "1";
    else if (line == protocol::beacon::kRegisteredNotice) out.registered = true;
    else if (name == "STATUS") out.status = value;
    else if (name == "EXIT_STATUS") {
      if (const auto n = parse_u64(value); n && *n < 256) out.exit_status = static_cast<int>(*n);
    } else if (name == "EXTEND_TIMEOUT_USEC") {
      if (const auto us = parse_u64(value); us && *us < 1'000'000'000'000) out.extend = std::chrono::microseconds(*us);
    }
  }
  return out;
}

NotifySocket::NotifySocket(EventLoop& loop, std::filesystem::path path, Callback callback)
    : loop_(loop), path_(std::move(path)), callback_(std::move(callback)), socket_(bind_datagram(path_)) {
  loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { drain(); });
}

NotifySocket::~NotifySocket() {
  loop_.unwatch(socket_.get());
  ::unlink(path_.c_str());
}

void NotifySocket::drain() {
  for (;;) {
    char text[kMaxMessage];
    iovec part{text, sizeof text};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(ucred)) + CMSG_SPACE(253 * sizeof(int))];  // SCM_MAX_FD
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    const ssize_t n = recvmsg(socket_.get(), &message, MSG_CMSG_CLOEXEC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;
    const auto sender = sender_of(message);
    if (sender) callback_(*sender, parse_notification(std::string_view(text, static_cast<std::size_t>(n))));
  }
}

}  // namespace concourse::supervisor
