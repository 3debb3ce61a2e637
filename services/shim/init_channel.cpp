#include "services/shim/init_channel.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::shim {

namespace {

constexpr int kMessagesAtOnce = 64;
constexpr int kMessagesInFlight = 1024;  // more than the socket holds

using init_wire::Event;
using init_wire::Failure;
using init_wire::Order;
using init_wire::Report;
using init_wire::Request;

// A terminal's master and nothing else may come out of a container: major numbers 128-135 and 5:2 are the kernel's pty masters.
bool is_terminal_master(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) != 0 || !S_ISCHR(st.st_mode)) return false;
  const auto major_number = major(st.st_rdev);
  return (major_number >= 128 && major_number <= 135) || (major_number == 5 && minor(st.st_rdev) == 2);
}

UniqueFd memory_file(std::string_view content) {
  UniqueFd fd(memfd_create("process", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!fd) throw SysError("make a memory file");
  os::write_all(fd.get(), content, "write a memory file");
  fcntl(fd.get(), F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
  return fd;
}

// One message. `fd` takes the descriptor that came with it, if any; more than one, or a wrong size, is an error: false.
bool receive(int socket, Report& report, UniqueFd& fd, ssize_t& n) {
  iovec part{&report, sizeof report};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))];
  msghdr wire{};
  wire.msg_iov = &part;
  wire.msg_iovlen = 1;
  wire.msg_control = control;
  wire.msg_controllen = sizeof control;
  n = ::recvmsg(socket, &wire, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (n <= 0) return true;
  std::size_t count = 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&wire); c != nullptr; c = CMSG_NXTHDR(&wire, c)) {
    if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
    for (std::size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); ++i, ++count) {
      int one = -1;
      std::memcpy(&one, CMSG_DATA(c) + i * sizeof one, sizeof one);
      fd.reset(one);
    }
  }
  report.text[sizeof report.text - 1] = '\0';
  return n == sizeof report && (wire.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 && count <= 1;
}

}  // namespace

InitChannel::~InitChannel() {
  if (socket_) loop_.unwatch(socket_.get());
}

void InitChannel::open(UniqueFd socket, InitEvents& events, Deadline deadline) {
  Report hello{};
  UniqueFd fd;
  ssize_t n = 0;
  if (!os::wait_for(socket.get(), POLLIN, deadline))
    throw Error(ErrorKind::timeout, "the container's init did not start within " + deadline.limit());
  if (!receive(socket.get(), hello, fd, n) || n <= 0 || hello.event != static_cast<std::uint32_t>(Event::hello) ||
      hello.value != static_cast<std::int32_t>(init_wire::kVersion))
    throw Error(ErrorKind::internal, "the container's init did not say hello");
  socket_ = std::move(socket);
  events_ = &events;
  loop_.watch(socket_.get(), EPOLLIN, [this](std::uint32_t) { read(kMessagesAtOnce); });
}

void InitChannel::send(const Request& request, const int* fds, std::size_t count) {
  Request copy = request;
  iovec part{&copy, sizeof copy};
  alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))]{};
  msghdr wire{};
  wire.msg_iov = &part;
  wire.msg_iovlen = 1;
  if (count > 0) {
    wire.msg_control = control;
    wire.msg_controllen = CMSG_SPACE(count * sizeof(int));
    cmsghdr* c = CMSG_FIRSTHDR(&wire);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    std::memcpy(CMSG_DATA(c), fds, count * sizeof(int));
  }
  const auto deadline = Deadline::in(std::chrono::seconds(10));
  for (;;) {
    if (::sendmsg(socket_.get(), &wire, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) return;
    if (errno == EINTR) continue;
    if (errno == EAGAIN && os::wait_for(socket_.get(), POLLOUT, deadline)) continue;
    const int number = errno;
    // From the loop: our caller is in the middle of something.
    loop_.post([this] {
      if (is_open()) gone("the container's init doesn't listen");
    });
    throw SysError("talk to the container's init", number);
  }
}

void InitChannel::spawn(std::uint32_t token, std::string_view encoded_spec, int in, int out, int err) {
  const auto spec = memory_file(encoded_spec);
  const int fds[] = {spec.get(), in, out, err};
  send({static_cast<std::uint32_t>(Order::spawn), token, 0}, fds, in >= 0 ? 4 : 1);
}

void InitChannel::signal(std::uint32_t token, int number) { tell(Order::signal, token, number); }
void InitChannel::signal_all(int number) { tell(Order::signal_all, 0, number); }
void InitChannel::quit() { tell(Order::quit, 0, 0); }

void InitChannel::tell(Order order, std::uint32_t token, std::int32_t value) {
  try {
    if (is_open()) send({static_cast<std::uint32_t>(order), token, value}, nullptr, 0);
  } catch (const SysError&) {
    // Then the container is at its end, and init_gone tells everybody.
  }
}

void InitChannel::ended() {
  read(kMessagesInFlight);
  if (is_open()) gone("the container's init has ended");
}

void InitChannel::read(int at_most) {
  // One that never stops talking must not keep us from Garden and the clients.
  for (int i = 0; is_open() && i < at_most; ++i) {
    Report report{};
    UniqueFd fd;
    ssize_t n = 0;
    const bool proper = receive(socket_.get(), report, fd, n);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return gone("the container's init has ended");
    if (!proper) return gone("the container's init sent a malformed message");
    try {
      dispatch(report, std::move(fd));
    } catch (const std::exception& e) {  // without what it takes to serve a process there is no container, but a told end of it
      if (is_open()) gone(std::string("the container can't be served: ") + e.what());
    }
  }
}

void InitChannel::dispatch(const Report& report, UniqueFd fd) {
  switch (static_cast<Event>(report.event)) {
    case Event::spawned: return events_->process_spawned(report.token);
    case Event::terminal:
      if (!fd || !is_terminal_master(fd.get())) return gone("the container's init sent something that is no terminal");
      return events_->process_terminal(report.token, std::move(fd));
    case Event::failed: {
      const bool known = report.value >= 0 && report.value <= static_cast<std::int32_t>(Failure::user_not_found);
      return events_->process_failed(report.token, known ? static_cast<Failure>(report.value) : Failure::other, report.text);
    }
    case Event::exited: return events_->process_exited(report.token, std::clamp(report.value, 0, 255));
    case Event::quiet: return events_->quiet();
    case Event::hello: break;
  }
  gone("the container's init sent an unknown message");
}

void InitChannel::gone(const std::string& why) {
  loop_.unwatch(socket_.get());
  socket_.reset();
  events_->init_gone(why);
}

}  // namespace concourse::shim
