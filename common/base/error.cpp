#include "common/base/error.hpp"

#include <cerrno>
#include <cstring>

#include "common/base/strings.hpp"

namespace concourse {

namespace {

ErrorKind kind_of(int error_number) {
  switch (error_number) {
    case ENOENT:
    case ESRCH: return ErrorKind::not_found;
    case EEXIST: return ErrorKind::conflict;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE: return ErrorKind::exhausted;
    case ETIMEDOUT: return ErrorKind::timeout;
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case EAGAIN: return ErrorKind::unavailable;
    default: return ErrorKind::internal;
  }
}

}  // namespace

std::string errno_text(int error_number) {
  char buffer[256];
  return strerror_r(error_number, buffer, sizeof buffer);  // the GNU form: returns the text
}

SysError::SysError(const std::string& what) : SysError(what, errno) {}

SysError::SysError(const std::string& what, int error_number)
    : Error(kind_of(error_number), what + ": " + errno_text(error_number)), errno_(error_number) {}

Problems::Problems(ErrorKind kind, std::vector<std::string> each) : Error(kind, join(each, "; ")), each_(std::move(each)) {}

std::vector<std::string> problems_of(const Error& e) {
  const auto* several = dynamic_cast<const Problems*>(&e);
  return several != nullptr ? several->each() : std::vector<std::string>{e.what()};
}

Error with_context(std::string_view context, const Error& cause) {
  return Error(cause.kind(), std::string(context) + ": " + cause.what());
}

}  // namespace concourse
