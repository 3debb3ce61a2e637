// A stream into another worker's volume: PUT with a chunked body, straight to its volume API.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "common/base/unique_fd.hpp"
#include "common/http/fd_stream.hpp"
#include "common/http/message.hpp"
#include "services/baggageclaim/stream/byte_stream.hpp"
#include "services/baggageclaim/stream/encoding.hpp"

namespace concourse::baggageclaim {

struct PeerUrl {
  std::string host;  // without brackets
  std::string port;
  std::string target;  // path and query
};

// Only what the ATC makes: http, a host, and the path of a volume's stream-in. Anything else could aim our requests at things
// that aren't workers. Throws Error(invalid).
PeerUrl parse_peer_url(const std::string& url);

class PeerStream : public ByteSink {
 public:
  // Connects and sends the request's head; no proxies, no redirects. Throws Error(unavailable).
  PeerStream(const PeerUrl& url, Encoding encoding);

  void write(std::string_view bytes) override;
  // Ends the body and reads the answer. Throws Error with the peer's words unless it is 204.
  void finish() override;
  // Breaks the connection off, from any thread: whatever the stream is waiting for ends.
  void cancel();

 private:
  [[noreturn]] void report_answer();

  http::FdStream stream_;
  http::ChunkWriter writer_;
};

}  // namespace concourse::baggageclaim
