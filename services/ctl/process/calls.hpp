// Garden's calls for processes: their connections become streams (docs/protocols/garden.md, process streams).
#pragma once

#include <filesystem>
#include <string>

#include "common/base/deadline.hpp"
#include "common/base/error.hpp"
#include "common/base/unique_fd.hpp"
#include "common/protocol/garden.hpp"

namespace concourse::ctl {

// A connection behind its answer's head, and what has come of the stream already.
struct Stream {
  UniqueFd connection;
  std::string early;
};

// Garden said no; `type` is one of its error types, or empty.
class Refusal : public Error {
 public:
  Refusal(ErrorKind kind, const std::string& message, std::string type) : Error(kind, message), type_(std::move(type)) {}
  const std::string& type() const { return type_; }

 private:
  std::string type_;
};

inline constexpr const char* kExecutableNotFound = "ExecutableNotFoundError";

// All throw Refusal in words for people, and Error(unavailable) when Garden is down. One that ends before it has answered is
// waited for and asked again, a minute at most.
class ProcessCalls {
 public:
  ProcessCalls(std::filesystem::path socket, std::string handle) : socket_(std::move(socket)), handle_(std::move(handle)) {}

  // `spec` has an id. Where the answer got lost, Garden is asked whether it has started that process: never a second one.
  Stream run(const protocol::garden::ProcessSpec& spec) const;
  Stream attach(const std::string& process_id) const;
  Stream output(const std::string& process_id, const std::string& stream_id, const std::string& which) const;  // stdout, stderr

  const std::string& handle() const { return handle_; }

 private:
  std::string processes() const;
  Stream request(const std::string& method, const std::string& target, const std::string& body, Deadline deadline) const;
  Stream get(const std::string& target, Deadline deadline) const;
  Refusal refusal(const std::string& body, int status) const;

  const std::filesystem::path socket_;
  const std::string handle_;
};

}  // namespace concourse::ctl
