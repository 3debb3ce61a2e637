#include "services/beacon/local_connection.hpp"

#include "common/os/unix_socket.hpp"
#include "common/ssh/dial.hpp"

namespace concourse::beacon {

namespace {
constexpr auto kLocalDialLimit = std::chrono::seconds(5);
}

std::optional<UniqueFd> LocalConnection::attempt() { return target_.is_unix() ? attempt_unix() : attempt_tcp(); }

// Connecting to a Unix socket never has to wait: it works, or the backlog is full, or nobody listens (now).
std::optional<UniqueFd> LocalConnection::attempt_unix() {
  try {
    return os::connect_unix(target_.socket, Deadline::in(Duration::zero()));
  } catch (const std::exception& e) {
    last_error_ = e.what();
    return std::nullopt;
  }
}

std::optional<UniqueFd> LocalConnection::attempt_tcp() {
  if (dialled_) return std::exchange(dialled_, std::nullopt);
  if (dialling_) return std::nullopt;
  dialling_ = true;
  background_.run(
      std::weak_ptr<void>(alive_), [host_port = target_.host_port] { return ssh::dial(host_port, Deadline::in(kLocalDialLimit)); },
      [this](std::optional<UniqueFd> fd, const std::string& error) {
        dialling_ = false;
        dialled_ = std::move(fd);
        last_error_ = error;
      });
  return std::nullopt;
}

}  // namespace concourse::beacon
