// The program of a process: its arguments, its environment with the defaults that every container runtime adds, and the
// search for it in the container's PATH.
#pragma once

#include "common/os/container_user.hpp"
#include "common/protocol/init_spec.hpp"

namespace concourse::init {

class Program {
 public:
  // All three must outlive it. `user_text` is what the client asked for: it becomes USER.
  Program(const char* path, const char* user_text, const os::User& user) : path_(path), user_text_(user_text), user_(user) {}

  void read_arguments(init_wire::Decoder& d);
  // Adds USER (the given text, over the rest; "root" if none was given and none is set), HOME if it is unset or empty, and
  // PATH if there is none.
  void read_environment(init_wire::Decoder& d);

  // execve(2); returns only when it failed.
  void execute();
  bool not_found() const { return not_found_; }
  const char* error() const { return error_; }

 private:
  const char* variable(const char* name) const;
  void append(const char* name, const char* value);
  bool search();
  void explain(const char* file, int error_number);
  // What doesn't fit is cut.
  [[gnu::format(printf, 2, 3)]] void error_is(const char* format, ...);

  const char* path_;
  const char* user_text_;
  const os::User& user_;
  char** arguments_ = nullptr;
  char** environment_ = nullptr;
  std::size_t variables_ = 0;
  bool not_found_ = false;
  char error_[256] = "";
};

}  // namespace concourse::init
