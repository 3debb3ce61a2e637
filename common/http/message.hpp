// What a route handler sees: a request whose body it reads as it likes, and a reply it fills or takes over.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.hpp"
#include "common/http/fd_stream.hpp"
#include "common/http/wakeup.hpp"

namespace concourse::http {

// The header with which a client names its request, so that our logs call it the same (common/daemon/log_request.hpp).
inline constexpr const char* kRequestIdHeader = "X-Request-Id";

// The bytes of a request's body, decoded from Content-Length or chunked framing, in the order they arrive.
class BodyReader {
 public:
  enum class Framing { none, length, chunked };
  BodyReader(FdStream& stream, Framing framing, std::uint64_t length)
      : stream_(stream),
        framing_(framing),
        left_(length),
        done_(framing == Framing::none || (framing == Framing::length && length == 0)) {}

  // Up to `size` bytes; 0 at the body's clean end. Throws Error(invalid) when the client breaks off or its framing is bad.
  std::size_t read(char* out, std::size_t size);
  bool done() const { return done_; }
  // When reads end at the latest, with Error(invalid).
  void set_deadline(Deadline deadline) { stream_.set_read_deadline(deadline); }
  // Reads and drops what has come, up to `limit` bytes, so that the connection can be used again. False if that isn't all; then
  // where the next request begins isn't known.
  bool drain(std::uint64_t limit);

 private:
  void next_chunk();
  std::string line();

  FdStream& stream_;
  Framing framing_;
  std::uint64_t left_;  // of the body, or of the current chunk
  bool done_;
  bool first_chunk_ = true;
};

class Exchange;

class Request {
 public:
  std::string method;
  std::string target;                                      // as sent
  std::string route;                                       // the pattern that matched
  std::map<std::string, std::string> captures;             // ":handle" in the pattern -> decoded segment under "handle"
  std::vector<std::pair<std::string, std::string>> query;  // decoded, in order

  std::string header(const std::string& name) const;                    // empty if absent
  std::optional<std::string> query_value(std::string_view name) const;  // the first of that name
  const std::string& capture(const std::string& name) const { return captures.at(name); }

  // The whole body. Throws Error(exhausted) when it is longer than `max` bytes, and Error(invalid) when it hasn't arrived in a
  // minute.
  std::string body(std::size_t max = 16 << 20);
  BodyReader& reader() { return *reader_; }
  // This request was held (Reply::hold), or can't be: the answer is due.
  bool must_answer() const { return must_answer_; }

 private:
  friend class Exchange;
  httplib::Headers headers_;
  bool must_answer_ = false;
  std::optional<BodyReader> reader_;
};

// A body of unknown length in chunked framing, written as it is made.
class ChunkWriter {
 public:
  explicit ChunkWriter(FdStream& stream) : stream_(stream) {}
  // False when the client has gone: stop making bytes.
  bool write(std::string_view bytes);
  // The clean end. Without it the connection is broken off, which tells the client that the body is not whole.
  bool finish();
  bool finished() const { return finished_; }
  // True once the client has closed its side: for a producer that has nothing to write yet.
  bool client_gone() const;

 private:
  FdStream& stream_;
  bool finished_ = false;
};

// A request that waits for its answer (Reply::hold).
struct Hold {
  std::shared_ptr<Wakeup> wakeup;
  Duration limit{};
  std::string request_id;  // under which it is asked again
};

class Reply {
 public:
  int status = 200;
  std::string content_type;  // empty: no such header
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  void json(std::string text, int with_status = 200) {
    status = with_status;
    content_type = "application/json";
    body = std::move(text);
    body += '\n';
  }

  // Sends status and headers now and lets `produce` write the body. `produce` returns when done; if it didn't call
  // finish(), or throws, the connection is broken off.
  void stream(std::function<void(ChunkWriter&)> produce) { stream_ = std::move(produce); }

  // Nothing is sent: `take` gets the connection with what the client sent behind its request, and answers as it likes.
  // Close it without shutdown(2) if another process holds it too. `take` returns when the answer has begun; what it throws
  // is counted and logged, but nobody hears it.
  void hijack(std::function<void(UniqueFd connection, std::string leftover)> take) { hijack_ = std::move(take); }

  // Nothing is sent yet, and no thread waits: the handler is called with the same request again, which then must_answer(), when
  // `wakeup` is woken, `limit` has passed, the client has closed its side, or the server stops; at once if too many are held
  // already. Whoever is to wake it keeps a weak pointer: the server's is the owner. Only for a request without a body that
  // isn't must_answer().
  void hold(std::shared_ptr<Wakeup> wakeup, Duration limit) { hold_ = Hold{std::move(wakeup), limit, {}}; }

 private:
  friend class Exchange;
  std::optional<Hold> hold_;
  std::function<void(ChunkWriter&)> stream_;
  std::function<void(UniqueFd, std::string)> hijack_;
};

}  // namespace concourse::http
