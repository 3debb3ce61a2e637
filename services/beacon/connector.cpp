#include "services/beacon/connector.hpp"

#include <poll.h>
#include <sys/epoll.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/ssh/dial.hpp"

namespace concourse::beacon {

namespace {
constexpr auto kDialLimit = std::chrono::seconds(10);
constexpr auto kHandshakeLimit = std::chrono::seconds(15);  // key exchange and authentication together
}  // namespace

Connector::Connector(EventLoop& loop, Background& background, const ssh::TsaOptions& options, std::vector<std::string> hosts,
                     OnDone on_done)
    : loop_(loop), background_(background), options_(options), hosts_(std::move(hosts)), on_done_(std::move(on_done)) {
  next_host();
}

Connector::~Connector() { release_socket(); }

void Connector::next_host() {
  if (host_ == hosts_.size()) return finish(nullptr, join(problems_, "; "));
  log::debug("connecting", {{"tsa", hosts_[host_]}});
  background_.run(
      std::weak_ptr<void>(alive_), [host = hosts_[host_]] { return ssh::dial(host, Deadline::in(kDialLimit)); },
      [this](std::optional<UniqueFd> socket, const std::string& error) {
        if (socket) dialled(std::move(*socket));
        else host_failed(error);
      });
}

void Connector::dialled(UniqueFd socket) {
  shaken_ = false;
  session_ = std::make_unique<ssh::Session>(std::move(socket), hosts_[host_], options_);
  loop_.watch(session_->fd(), EPOLLIN | EPOLLOUT, [this](std::uint32_t) { step(); });
  watching_ = true;
  limit_ = loop_.after(kHandshakeLimit, [this] {
    host_failed(std::string(shaken_ ? "authenticate to" : "shake hands with") + " TSA " + hosts_[host_] + ": no answer in " +
                std::to_string(kHandshakeLimit.count()) + " s");
  });
}

void Connector::step() {
  try {
    if (!shaken_) shaken_ = session_->handshake();
    if (shaken_ && session_->authenticate()) {
      release_socket();
      return finish(std::move(session_), "");
    }
    loop_.change(session_->fd(), EPOLLIN | ((session_->poll_events() & POLLOUT) != 0 ? EPOLLOUT : 0U));
  } catch (const std::exception& e) {
    host_failed(e.what());
  }
}

void Connector::host_failed(const std::string& reason) {
  release_socket();
  session_.reset();
  problems_.push_back(reason);
  ++host_;
  next_host();
}

void Connector::release_socket() {
  loop_.cancel(limit_);
  if (watching_) loop_.unwatch(session_->fd());
  watching_ = false;
}

void Connector::finish(std::unique_ptr<ssh::Session> session, const std::string& error) {
  loop_.post([alive = std::weak_ptr<int>(alive_), this,
              holder = std::make_shared<std::unique_ptr<ssh::Session>>(std::move(session)), error] {
    if (!alive.expired()) on_done_(std::move(*holder), error);
  });
}

}  // namespace concourse::beacon
