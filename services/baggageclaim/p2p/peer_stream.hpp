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
#include "services/baggageclaim/stream/tar_create.hpp"

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
  // Connects, sends the request's head and waits a moment for the peer to ask for the body; no proxies, no redirects. Throws
  // Error(unavailable), with the peer's words if it has refused already.
  PeerStream(const PeerUrl& url, Encoding encoding);
  // Kept, if the peer has said that it reads them.
  Holes holes() const { return holes_; }

  void write(std::string_view bytes) override;
  // Ends the body and reads the answer. Throws Error with the peer's words unless it is 204.
  void finish() override;
  // Breaks the connection off, from any thread: whatever the stream is waiting for ends.
  void cancel();

 private:
  static bool is_interim(std::string_view head);
  std::string read_head();
  std::string read_final_head();
  [[noreturn]] void report_answer(std::string answer);

  http::FdStream stream_;
  http::ChunkWriter writer_;
  Holes holes_ = Holes::zeros;
};

}  // namespace concourse::baggageclaim
