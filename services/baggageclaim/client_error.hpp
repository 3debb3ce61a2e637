// An error with a status, or a text, of its own for the client. Every other Error is a 500 with its route's text
// (api/error_reply.hpp).
#pragma once

#include <string>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

class ClientError : public Error {
 public:
  // `shown`: what the client is told; empty for the route's own text. `cause` goes to the log.
  ClientError(int status, std::string shown, const std::string& cause)
      : Error(status == 404 ? ErrorKind::not_found : ErrorKind::invalid, cause), status_(status), shown_(std::move(shown)) {}
  int status() const noexcept { return status_; }
  const std::string& shown() const noexcept { return shown_; }

 private:
  int status_;
  std::string shown_;
};

inline ClientError bad_request(const std::string& cause) { return ClientError(400, "", cause); }
inline ClientError no_such_volume(const std::string& handle) { return ClientError(404, "", "no volume '" + handle + "'"); }
inline ClientError unprocessable(const std::string& cause) { return ClientError(422, "", cause); }

// What a stranger sent isn't an archive, or holds what may not be extracted: the client is told why.
class ArchiveError : public ClientError {
 public:
  explicit ArchiveError(const std::string& cause) : ClientError(400, "", cause) {}
};
inline ArchiveError bad_archive(const std::string& cause) { return ArchiveError(cause); }

}  // namespace concourse::baggageclaim
