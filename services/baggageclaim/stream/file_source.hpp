#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <stop_token>
#include <string>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim {

// A file on the host. Throws Error(cancelled) when stopped.
class FileSource : public ByteSource {
 public:
  FileSource(const std::string& path, std::stop_token stop)
      : path_(path), fd_(os::open_file(path, O_RDONLY)), stop_(std::move(stop)) {}

  std::size_t read(char* out, std::size_t size) override {
    if (stop_.stop_requested()) throw Error(ErrorKind::cancelled, "reading '" + path_ + "' cancelled");
    for (;;) {
      const auto n = ::read(fd_.get(), out, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno != EINTR) throw SysError("read '" + path_ + "'");
    }
  }

 private:
  const std::string path_;
  const UniqueFd fd_;
  const std::stop_token stop_;
};

}  // namespace concourse::baggageclaim
