#include "common/http/exchange.hpp"

#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/http/latency.hpp"
#include "common/http/router.hpp"

namespace concourse::http {

namespace {

constexpr std::uint64_t kMaxDrain = 256 << 10;           // bytes of an unread body that are dropped, as Go's server
constexpr auto kAnswerLimit = std::chrono::seconds(30);  // for the client to take some of an answer that isn't a stream

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

  Next serve_one(FdStream& stream, bool last, Surface surface, std::optional<Hold>& hold) {
    Call call{this, &stream, surface, std::exchange(hold, std::nullopt)};
    current_ = &call;
    stream.begin_head();
    stream.mute(false);
    stream.set_idle_limit(kAnswerLimit);
    stream.set_read_deadline(Deadline::never());
    bool close = false;
    bool sent = process_request(stream, last, close, [&](httplib::Request& req) { prepare(req, stream, call); });
    sent = stream.flush() && sent;
    current_ = nullptr;
    if (call.reply.hijack_) {
      auto leftover = stream.take_leftover();
      hand_over(call, stream.take_fd(), std::move(leftover));
      return Next::close;
    }
    if (call.reply.hold_) {
      stream.rewind();
      hold = std::move(call.reply.hold_);
      hold->request_id = log::current_request();
      return Next::hold;
    }
    if (!sent) return Next::close;
    if (!call.handled) return Next::linger;
    if (call.streamed) return call.streamed_whole ? Next::linger : Next::close;
    if (!call.whole) return Next::linger;
    return close || last ? Next::close : Next::keep;
  }

 private:
  struct Call {
    Library* library;
    FdStream* stream;
    Surface surface;
    std::optional<Hold> held;  // before this time
    std::string target;
    Request request;
    Reply reply;
    bool handled = false;
    bool whole = false;  // all of the request was read
    bool streamed = false, streamed_whole = false;
    Latency* latency = nullptr;  // of the route, once one was found
    Clock::time_point started;
    std::optional<log::RequestScope> request_scope;
  };
  static thread_local Call* current_;

  // Before the library routes: hide from it what it would interpret (it decompresses, compresses and cuts ranges).
  void prepare(httplib::Request& req, FdStream& stream, Call& call) {
    stream.end_head();
    call.target = req.target;
    call.request.headers_ = req.headers;
    call.request.must_answer_ = call.held.has_value();
    call.request_scope.emplace(call.held ? call.held->request_id : log::request_id_from(call.request.header(kRequestIdHeader)));
    req.headers.erase("Accept-Encoding");
    req.headers.erase("Content-Encoding");
    req.headers.erase("Range");
    req.ranges.clear();
    req.path = "/";
    // The library's own "100 Continue" has no header.
    if (options_.continue_header.empty() || req.get_header_value("Expect") != "100-continue") return;
    req.headers.erase("Expect");
    (void)stream.write_all({"HTTP/1.1 100 Continue\r\n", options_.continue_header, "\r\n\r\n"});
  }

  void dispatch(const httplib::Request& req, httplib::Response& res) {
    Call& call = *current_;
    call.handled = true;
    (void)call.stream->flush();  // the library's "100 Continue": the body comes only after it
    Request& request = call.request;
    request.method = req.method;
    request.target = call.target;
    if (log::level() == log::Level::debug && !call.held)
      log::debug("request", {{"method", request.method}, {"target", request.target}});
    try {
      std::uint64_t length = 0;
      const auto framing = framing_of(request.headers_, length);
      request.reader_.emplace(*call.stream, framing, length);
      call.stream->set_idle_limit(options_.idle_limit);
      route(call);
      if (call.reply.hold_ && (request.must_answer_ || !request.reader_->done()))
        throw Error(ErrorKind::internal, "this request can't be held");
      if (!call.reply.hijack_ && !call.reply.hold_) count(call, false);
    } catch (const Error& e) {
      fail(call, e);
    } catch (const std::exception& e) {
      fail(call, Error(ErrorKind::internal, e.what()));
    }
    if (call.reply.hijack_ || call.reply.hold_) return call.stream->mute();
    if (call.reply.stream_) return stream_out(call);
    // Without a reader the framing itself was bad: where the next request begins is anybody's guess.
    call.whole = request.reader_ && request.reader_->drain(kMaxDrain);
    if (!call.whole && !closes(req)) res.set_header("Connection", "close");
    call.stream->set_idle_limit(kAnswerLimit);
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
      if (call.surface == Surface::restricted && !candidate.everywhere) continue;
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

  // The library says so itself then.
  static bool closes(const httplib::Request& req) { return lower(req.get_header_value("Connection")) == "close"; }

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
    call.streamed = true;
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
    call.streamed_whole = writer.finished();
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

  const ServerOptions options_;
  const std::vector<Route> routes_;
  std::vector<Latency> latencies_;  // of routes_
  const ErrorMapper on_error_;
};

thread_local Exchange::Library::Call* Exchange::Library::current_ = nullptr;

Exchange::Exchange(std::vector<Route> routes, ErrorMapper on_error, const ServerOptions& options)
    : library_(std::make_unique<Library>(std::move(routes), std::move(on_error), options)) {}
Exchange::~Exchange() = default;
Exchange::Next Exchange::serve_one(FdStream& stream, bool last, Surface surface, std::optional<Hold>& hold) {
  return library_->serve_one(stream, last, surface, hold);
}
Json Exchange::statistics() const { return library_->statistics(); }

}  // namespace concourse::http
