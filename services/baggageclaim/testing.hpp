// What several unit tests need.
#pragma once

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/stream/byte_stream.hpp"

namespace concourse::baggageclaim::testing {

namespace fs = std::filesystem;

struct TempDir {
  // /var/tmp is on a disk where /tmp may be a tmpfs, and a tmpfs knows fewer attributes.
  fs::path path = fs::path("/var/tmp") / ("bc-test-" + random_hex(6));
  TempDir() { fs::create_directory(path); }
  ~TempDir() { fs::remove_all(path); }
  UniqueFd open() const { return os::open_file(path, O_RDONLY | O_DIRECTORY); }
  void write(const fs::path& name, const std::string& content = "x", mode_t mode = 0644) const {
    fs::create_directories((path / name).parent_path());
    os::replace_file(path / name, content, mode);
    fs::permissions(path / name, static_cast<fs::perms>(mode));
  }
};

inline struct stat lstat_of(const fs::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) throw SysError("stat '" + path.string() + "'");
  return status;
}

// True, with a loud message, where a test needs root and hasn't got it; a failure with STRICT=1.
inline bool skip_without_root() {
  if (::geteuid() == 0) return false;
  MESSAGE("skipped: needs root");
  const char* strict = std::getenv("STRICT");
  CHECK_MESSAGE((strict == nullptr || std::string(strict) == "0" || std::string(strict).empty()),
                "skipped, which STRICT=1 doesn't allow");
  return true;
}

class StringSource : public ByteSource {
 public:
  // Gives at most `piece` bytes a read, to try all boundaries.
  explicit StringSource(std::string text, std::size_t piece = SIZE_MAX) : text_(std::move(text)), piece_(piece) {}
  std::size_t read(char* out, std::size_t size) override {
    const auto n = std::min({size, piece_, text_.size() - at_});
    text_.copy(out, n, at_);
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t piece_, at_ = 0;
};

class StringSink : public ByteSink {
 public:
  std::string text;
  bool finished = false;
  void write(std::string_view bytes) override { text += bytes; }
  void finish() override { finished = true; }
};

inline std::string drain(ByteSource& source, std::size_t piece = 70'000) {
  std::string all, buffer(piece, '\0');
  while (const auto n = source.read(buffer.data(), buffer.size())) all.append(buffer, 0, n);
  return all;
}

}  // namespace concourse::baggageclaim::testing
