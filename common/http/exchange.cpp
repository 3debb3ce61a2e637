#include "common/http/exchange.hpp"

#include <poll.h>
#include <sys/socket.h>

#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/http/latency.hpp"
#include "common/http/router.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::http {

namespace {

constexpr std::size_t kMaxHead = 1 << 20;          // bytes of a request's head, as Go's server
constexpr auto kLinger = std::chrono::seconds(2);  // to let a client read an answer that came before it had sent all

BodyReader::Framing framing_of(const httplib::Headers& headers, std::uint64_t& length) {
  if (const auto te = headers.find("Transfer-Encoding"); te != headers.end()) {
    if (lower(te->second) != "chunked") throw Error(ErrorKind::invalid, "unsupported Transfer-Encoding '" + te->second + "'");
    if (headers.contains("Content-Length")) throw Error(ErrorKind::invalid, "both Transfer-Encoding and Content-Length");
    return BodyReader::Framing::chunked;
  }
  const auto cl = headers.find("Content-Length");
  if (cl == headers.end()) return BodyReader::Framing::none;
  if (headers.count("Content-Length") > 1) throw Error(ErrorKind::invalid, "several Content-Length headers");
  const auto parsed = parse_u64(cl->second);
  if (!parsed) throw Error(ErrorKind::invalid, "malformed Content-Length '" + cl->second + "'");
  length = *parsed;
  return BodyReader::Framing::length;
}

}  // namespace

// The library's own accept loop and routing are not used: every path is mapped to "/", whose one handler is `dispatch`.
class Exchange::Library : public httplib::Server {
 public:
  Library(std::vector<Route> routes, ErrorMapper on_error, const ServerOptions& options)
      : options_(options), routes_(std::move(routes)), latencies_(routes_.size()), on_error_(std::move(on_error)) {
    svr_sock_ = 0;  // the library sends empty bodies while it believes that it isn't listening
    const auto plain = [](const httplib::Request& req, httplib::Response& res) { current_->library->dispatch(req, res); };
    const auto with_body = [](const httplib::Request& req, httplib::Response& res, const httplib::ContentReader&) {
      current_->library->dispatch(req, res);
    };
    Get("/", plain).Options("/", plain);
    Post("/", with_body).Put("/", with_body).Patch("/", with_body).Delete("/", with_body);
    set_keep_alive_timeout(110);
  }

  Json statistics() const {
    Json all = Json::object();
    for (std::size_t i = 0; i < routes_.size(); ++i)
      if (latencies_[i].count() > 0) all[routes_[i].method + " " + routes_[i].pattern] = latencies_[i].to_json();
    return all;
  }

  bool serve_one(FdStream& stream, bool last) {
    Call call{this, &stream};
    current_ = &call;
    stream.set_read_budget(kMaxHead);
    stream.set_idle_limit(options_.head_limit);
    bool close = false;
    const bool sent = process_request(stream, last, close, [&](httplib::Request& req) { prepare(req, stream, call); });
    current_ = nullptr;
    if (call.reply.hijack_) {
      auto leftover = stream.take_leftover();
      hand_over(call, stream.take_fd(), std::move(leftover));
      return false;
    }
    if (!sent || !call.handled || call.broken_off) return false;
    if (drain(call, close || last)) return !close && !last;
    linger(stream);
    return false;
  }

 private:
  struct Call {
    Library* library;
    FdStream* stream;
    std::string target;
    Request request;
    Reply reply;
    bool handled = false;
    bool broken_off = false;
    Latency* latency = nullptr;  // of the route, once one was found
    Clock::time_point started;
    std::optional<log::RequestScope> request_scope;
  };
  static thread_local Call* current_;

  // Before the library routes: hide from it what it would interpret (it decompresses, compresses and cuts ranges).
  void prepare(httplib::Request& req, FdStream& stream, Call& call) {
    stream.set_read_budget(SIZE_MAX);
    stream.set_idle_limit(options_.idle_limit);
    call.target = req.target;
    call.request.headers_ = req.headers;
    call.request_scope.emplace(log::request_id_from(call.request.header(kRequestIdHeader)));
    req.headers.erase("Accept-Encoding");
    req.headers.erase("Content-Encoding");
    req.headers.erase("Range");
    req.ranges.clear();
    req.path = "/";
  }

  void dispatch(const httplib::Request& req, httplib::Response& res) {
    Call& call = *current_;
    call.handled = true;
    Request& request = call.request;
    request.method = req.method;
    request.target = call.target;
    if (log::level() == log::Level::debug) log::debug("request", {{"method", request.method}, {"target", request.target}});
    try {
      std::uint64_t length = 0;
      const auto framing = framing_of(request.headers_, length);
      request.reader_.emplace(*call.stream, framing, length);
      route(call);
      if (!call.reply.hijack_) count(call, false);
    } catch (const Error& e) {
      fail(call, e);
    } catch (const std::exception& e) {
      fail(call, Error(ErrorKind::internal, e.what()));
    }
    if (call.reply.hijack_) return call.stream->mute();
    if (call.reply.stream_) return stream_out(call);
    res.status = call.reply.status;
    for (const auto& [name, value] : call.reply.headers) res.set_header(name, value);
    if (!call.reply.content_type.empty()) res.set_header("Content-Type", call.reply.content_type);
    res.body = std::move(call.reply.body);
  }

  void fail(Call& call, const Error& e) {
    count(call, is_failure(e));
    call.reply = Reply{};
    on_error_(e, call.request, call.reply);
  }

  void route(Call& call) {
    Request& request = call.request;
    Reply& reply = call.reply;
    const auto target = split_target(request.target);
    request.query = target.query;
    std::vector<std::string> allowed;
    for (std::size_t i = 0; i < routes_.size(); ++i) {
      const auto& candidate = routes_[i];
      if (!match(candidate.pattern, target.path, request.captures)) continue;
      if (candidate.method == request.method || candidate.method == "*") {
        request.route = candidate.pattern;
        call.latency = &latencies_[i];
        call.started = Clock::now();
        return candidate.handler(request, reply);
      }
      allowed.push_back(candidate.method);
    }
    reply.content_type = "text/plain; charset=utf-8";
    reply.headers.emplace_back("X-Content-Type-Options", "nosniff");
    reply.status = allowed.empty() ? 404 : 405;
    reply.body = allowed.empty() ? "404 page not found\n" : "Method Not Allowed\n";
    if (!allowed.empty()) reply.headers.emplace_back("Allow", join(allowed, ", "));
  }

  // Clients ask all the time whether something is there: that it isn't is an answer.
  static bool is_failure(const Error& e) { return e.kind() != ErrorKind::not_found; }

  static void count(const Call& call, bool failed) {
    if (call.latency != nullptr) call.latency->add(Clock::now() - call.started, failed);
  }

  void stream_out(Call& call) {
    std::string head = "HTTP/1.1 " + std::to_string(call.reply.status) + " OK\r\nTransfer-Encoding: chunked\r\n";
    if (!call.reply.content_type.empty()) head += "Content-Type: " + call.reply.content_type + "\r\n";
    for (const auto& [name, value] : call.reply.headers) head += name + ": " + value + "\r\n";
    ChunkWriter writer(*call.stream);
    call.broken_off = true;
    call.stream->mute();
    if (!call.stream->write_all({head, "\r\n"})) return;
    try {
      call.reply.stream_(writer);
    } catch (const std::exception& e) {
      // The web node takes a file from the front of a stream and hangs up: that is no error.
      const bool gone = writer.client_gone();
      log::write(gone ? log::Level::info : log::Level::error, gone ? "client hung up" : "response broken off",
                 {{"method", call.request.method}, {"target", call.target}, {"error", e.what()}});
    }
    // Also after a clean end the connection isn't used again: ordinary clients of these routes open one per stream.
    if (writer.finished()) linger(*call.stream);
  }

  void hand_over(Call& call, UniqueFd fd, std::string leftover) {
    try {
      call.reply.hijack_(std::move(fd), std::move(leftover));
      count(call, false);
    } catch (const std::exception& e) {
      const auto* error = dynamic_cast<const Error*>(&e);
      const bool failed = error == nullptr || is_failure(*error);
      count(call, failed);
      log::write(failed ? log::Level::error : log::Level::debug, "request refused on a connection handed over",
                 {{"method", call.request.method}, {"target", call.target}, {"error", e.what()}});
    }
  }

  bool drain(Call& call, bool closing) {
    if (!call.request.reader_) return false;  // the framing itself was bad: where the next request begins is anybody's guess
    try {
      // A client that will not use the connection again needn't be waited for unless it is still sending.
      return call.request.reader_->drain(closing ? std::min<std::uint64_t>(options_.drain_limit, 1 << 20) : options_.drain_limit);
    } catch (const Error&) {
      return false;
    }
  }

  // Closing a socket with unread input sends a reset, which can overtake the answer: end our side, read on for a while.
  static void linger(FdStream& stream) {
    ::shutdown(stream.fd(), SHUT_WR);
    const auto deadline = Deadline::in(kLinger);
    char buffer[16384];
    while (os::wait_for(stream.fd(), POLLIN, deadline))
      if (::recv(stream.fd(), buffer, sizeof buffer, MSG_DONTWAIT) <= 0) return;
  }

  const ServerOptions options_;
  const std::vector<Route> routes_;
  std::vector<Latency> latencies_;  // of routes_
  const ErrorMapper on_error_;
};

thread_local Exchange::Library::Call* Exchange::Library::current_ = nullptr;

Exchange::Exchange(std::vector<Route> routes, ErrorMapper on_error, const ServerOptions& options)
    : library_(std::make_unique<Library>(std::move(routes), std::move(on_error), options)) {}
Exchange::~Exchange() = default;
bool Exchange::serve_one(FdStream& stream, bool last) { return library_->serve_one(stream, last); }
Json Exchange::statistics() const { return library_->statistics(); }

}  // namespace concourse::http
