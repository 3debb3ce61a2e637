// The one exception family of the worker (docs/decisions/0001-error-type.md).
//
// An Error says what was tried, on which object, and what went wrong, in one line that can be shown to an operator.
// It is caught in three places only: the HTTP route adapter (kind -> status), daemon::run (-> stderr, exit code),
// and the top function of a thread. "Not there" is std::optional where it is an ordinary answer.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace concourse {

enum class ErrorKind {
  internal,     // our bug or an unexpected answer of the system
  invalid,      // the caller's input is wrong: names the field or flag
  usage,        // the command line or environment is wrong: exit status 2
  not_found,    // the named thing does not exist
  conflict,     // the named thing exists already, or is in a state that forbids the call
  exhausted,    // a limit was reached: containers, addresses, disk
  unavailable,  // a peer or a kernel feature isn't there (now): waiting may help
  timeout,      // a deadline passed
  cancelled,    // someone asked us to stop
};

class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

// A failed system call. The message is `what`: <text of errno>. `what` says what was tried, with the object's name in quotes.
class SysError : public Error {
 public:
  // Reads errno at once, so construct it before anything else can change errno.
  explicit SysError(const std::string& what);
  SysError(const std::string& what, int error_number);
  int error_number() const noexcept { return errno_; }

 private:
  int errno_;
};

// Several things that are wrong at once: what() is one line with all of them, each() has them one by one.
class Problems : public Error {
 public:
  Problems(ErrorKind kind, std::vector<std::string> each);
  const std::vector<std::string>& each() const noexcept { return each_; }

 private:
  std::vector<std::string> each_;
};

// What is wrong according to `e`, one by one.
std::vector<std::string> problems_of(const Error& e);

// The same error with `context: ` put in front of its message; kind kept.
Error with_context(std::string_view context, const Error& cause);

// strerror(3) without the shared buffer.
std::string errno_text(int error_number);

}  // namespace concourse
