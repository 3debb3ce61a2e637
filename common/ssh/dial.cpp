#include "common/ssh/dial.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <memory>

#include "common/base/error.hpp"
#include "common/os/unix_socket.hpp"
#include "common/ssh/tsa_options.hpp"

namespace concourse::ssh {

namespace {

struct AddressesFree {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, AddressesFree>;

// What getaddrinfo_a works on. It must stay where it is until the look-up has ended.
struct Lookup {
  HostPort target;
  addrinfo hints{};
  gaicb request{};
};

[[noreturn]] void lookup_failed(const std::string& host_port, int error) {
  throw Error(ErrorKind::unavailable, "look up TSA " + host_port + ": " + gai_strerror(error));
}

Addresses look_up(const std::string& host_port, Deadline deadline) {
  auto lookup = std::make_unique<Lookup>();
  lookup->target = parse_host_port(host_port);
  lookup->hints.ai_socktype = SOCK_STREAM;
  lookup->hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* numeric = nullptr;
  if (getaddrinfo(lookup->target.host.c_str(), lookup->target.port.c_str(), &lookup->hints, &numeric) == 0)
    return Addresses(numeric);

  lookup->hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  lookup->request.ar_name = lookup->target.host.c_str();
  lookup->request.ar_service = lookup->target.port.c_str();
  lookup->request.ar_request = &lookup->hints;
  gaicb* list[] = {&lookup->request};
  if (const int error = getaddrinfo_a(GAI_NOWAIT, list, 1, nullptr); error != 0) lookup_failed(host_port, error);
  while (gai_error(&lookup->request) == EAI_INPROGRESS) {
    const auto left = deadline.poll_ms();
    const timespec wait{left / 1000, left % 1000 * 1'000'000L};
    const gaicb* waited[] = {&lookup->request};
    const int rc = gai_suspend(waited, 1, &wait);
    if (rc == 0 || rc == EAI_ALLDONE || rc == EAI_INTR || gai_error(&lookup->request) != EAI_INPROGRESS) continue;
    // The resolver's thread still writes into a look-up that can't be cancelled: leave it to it.
    if (gai_cancel(&lookup->request) != EAI_CANCELED) (void)lookup.release();
    throw Error(ErrorKind::timeout, "look up TSA " + host_port + ": no answer from the name servers within " + deadline.limit());
  }
  if (const int error = gai_error(&lookup->request); error != 0) lookup_failed(host_port, error);
  return Addresses(lookup->request.ar_result);
}

void set(int fd, int level, int option, int value) { setsockopt(fd, level, option, &value, sizeof value); }

}  // namespace

UniqueFd dial(const std::string& host_port, Deadline deadline) {
  const auto addresses = look_up(host_port, deadline);
  std::string reason = "the name has no address";
  for (const addrinfo* address = addresses.get(); address != nullptr; address = address->ai_next) {
    UniqueFd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) throw SysError("make a socket");
    int error = ::connect(fd.get(), address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      if (!os::wait_for(fd.get(), POLLOUT, deadline))
        throw Error(ErrorKind::timeout, "connect to TSA " + host_port + ": no answer within " + deadline.limit());
      socklen_t size = sizeof error;
      getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) {
      reason = errno_text(error);
      continue;
    }
    set(fd.get(), IPPROTO_TCP, TCP_NODELAY, 1);
    set(fd.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, 30'000);  // milliseconds
    set(fd.get(), SOL_SOCKET, SO_KEEPALIVE, 1);
    set(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE, 15);
    set(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL, 5);
    return fd;
  }
  throw Error(ErrorKind::unavailable, "connect to TSA " + host_port + ": " + reason);
}

}  // namespace concourse::ssh
