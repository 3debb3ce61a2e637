#include "common/http/server.hpp"

#include "common/http/exchange.hpp"
#include "common/http/port.hpp"

namespace concourse::http {

class Server::Impl {
 public:
  Impl(std::vector<Route> routes, ErrorMapper on_error, const ServerOptions& options)
      : options_(options), exchange_(std::move(routes), std::move(on_error), options) {}

  void add_listener(UniqueFd listener, Surface surface) {
    ports_.push_back(std::make_unique<Port>(std::move(listener), surface, exchange_, options_));
  }

  void start() {
    for (const auto& port : ports_) port->start();
  }

  bool stop(Deadline deadline) {
    for (const auto& port : ports_) port->stop();
    bool quiet = true;
    for (const auto& port : ports_) quiet = port->wait_quiet(deadline) && quiet;
    return quiet;
  }

  std::size_t requests_running() const {
    std::size_t running = 0;
    for (const auto& port : ports_) running += port->running();
    return running;
  }

  Json statistics() const { return exchange_.statistics(); }

 private:
  const ServerOptions options_;
  Exchange exchange_;
  std::vector<std::unique_ptr<Port>> ports_;
};

Server::Server(std::vector<Route> routes, ErrorMapper on_error, ServerOptions options)
    : impl_(std::make_unique<Impl>(std::move(routes), std::move(on_error), options)) {}
Server::~Server() = default;
void Server::add_listener(UniqueFd listener, Surface surface) { impl_->add_listener(std::move(listener), surface); }
void Server::start() { impl_->start(); }
bool Server::stop(Deadline deadline) { return impl_->stop(deadline); }
std::size_t Server::requests_running() const { return impl_->requests_running(); }
Json Server::statistics() const { return impl_->statistics(); }

}  // namespace concourse::http
