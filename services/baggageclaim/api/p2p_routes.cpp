#include "services/baggageclaim/api/p2p_routes.hpp"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "common/base/scope_exit.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/host/peer_address.hpp"
#include "services/baggageclaim/p2p/peer_stream.hpp"
#include "services/baggageclaim/stream/stream_out.hpp"

namespace concourse::baggageclaim {

namespace {

// The client gives up on an answer that says nothing for 60 s.
constexpr auto kTick = std::chrono::seconds(30);
constexpr auto kLook = std::chrono::milliseconds(500);  // whether it is still there

// One transfer on a thread of its own, so that the client can be kept waiting meanwhile.
class Transfer {
 public:
  Transfer(Service& service, std::string handle, std::string path, std::string url, std::string encoding)
      : thread_(log::in_this_request([this, &service, handle = std::move(handle), path = std::move(path), url = std::move(url),
                                      encoding = std::move(encoding)] {
          std::string failure;
          try {
            run(service, handle, path, url, encoding);
          } catch (const std::exception& e) {
            failure = e.what();
            log::error("p2p stream failed", {{"handle", handle}, {"url", url}, {"error", failure}});
          }
          const std::lock_guard lock(mutex_);
          failure_ = failure;
          done_ = true;
          changed_.notify_all();
        })) {}
  ~Transfer() {
    cancel();
    thread_.join();
  }

  // True when it is over.
  bool wait(Duration limit) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, limit, [this] { return done_; });
  }
  const std::string& failure() const { return failure_; }  // after its end; empty for success

 private:
  void run(Service& service, const std::string& handle, const std::string& path, const std::string& url,
           const std::string& encoding_name) {
    const auto encoding = parse_encoding(encoding_name);
    if (!encoding) throw bad_request("unsupported encoding '" + encoding_name + "'");
    const auto peer = parse_peer_url(url);
    auto volume = service.volumes.open(handle);
    auto source = open_tar_source(volume.root.get(), path);
    volume.root.reset();
    PeerStream stream(peer, *encoding);
    {
      const std::lock_guard lock(mutex_);
      if (cancelled_) return;
      stream_ = &stream;
    }
    const ScopeExit forget([&] {
      const std::lock_guard lock(mutex_);
      stream_ = nullptr;
    });
    stream_out(std::move(source), volume.view, *encoding, stream, stream.holes());
  }

  void cancel() {
    const std::lock_guard lock(mutex_);
    cancelled_ = true;
    if (stream_ != nullptr) stream_->cancel();
  }

  std::mutex mutex_;  // guards the four below
  std::condition_variable changed_;
  PeerStream* stream_ = nullptr;
  bool done_ = false, cancelled_ = false;
  std::string failure_;
  std::thread thread_;  // last: it uses all above
};

std::string required(const http::Request& request, const char* name) {
  auto value = request.query_value(name).value_or("");
  if (value.empty()) throw bad_request(std::string("missing parameter ") + name);
  return value;
}

}  // namespace

void get_p2p_url(Service& service, http::Request&, http::Reply& reply) {
  reply.body = host::p2p_url(host::interface_addresses(), *service.p2p.interface_name, service.p2p.family, service.p2p.port);
  reply.content_type = "text/plain; charset=utf-8";
}

// From here on always 200: the body says how it went, after a newline every half minute.
void stream_to_peer(Service& service, http::Request& request, http::Reply& reply) {
  const auto handle = request.capture("handle");
  const auto path = required(request, "path"), url = required(request, "streamInURL"), encoding = required(request, "encoding");
  reply.content_type = "plain/text";
  reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
  reply.stream([&service, handle, path, url, encoding](http::ChunkWriter& writer) {
    Transfer transfer(service, handle, path, url, encoding);
    for (auto tick = Deadline::in(kTick); !transfer.wait(kLook);) {
      if (writer.client_gone()) return;  // the transfer is cancelled
      if (!tick.passed()) continue;
      if (!writer.write("\n")) return;
      tick = Deadline::in(kTick);
    }
    writer.write(transfer.failure().empty() ? "ok" : "failed to stream p2p out from volume: " + transfer.failure());
    writer.finish();
  });
}

}  // namespace concourse::baggageclaim
