// Garden's errors on the wire. Format: docs/protocols/garden.md, "Errors".
#pragma once

#include "common/base/error.hpp"
#include "common/http/server.hpp"

namespace concourse::garden {

// An error that clients tell apart by its type.
class TypedError : public Error {
 public:
  static TypedError container_not_found(const std::string& handle);
  static TypedError process_not_found(const std::string& process_id);
  static TypedError executable_not_found(const std::string& message);

  int status() const { return status_; }
  const std::string& type() const { return type_; }
  const std::string& handle() const { return handle_; }
  const std::string& process_id() const { return process_id_; }

 private:
  TypedError(int status, std::string type, const std::string& message, std::string handle, std::string process_id)
      : Error(ErrorKind::not_found, message),
        status_(status),
        type_(std::move(type)),
        handle_(std::move(handle)),
        process_id_(std::move(process_id)) {}
  int status_;
  std::string type_, handle_, process_id_;
};

// 404 and 500 are the only statuses there are; everything untyped is a 500.
int status_of(const Error& error);
// The JSON object, without a newline.
std::string body_of(const Error& error);
void map_error(const Error& error, const http::Request& request, http::Reply& reply);

// The answer to a hijacked route that failed: with a length and without "Connection: close", or the web's client takes it for
// a broken connection instead of an answer.
std::string raw_response(const Error& error);

}  // namespace concourse::garden
