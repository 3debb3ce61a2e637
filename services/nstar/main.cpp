// concourse-nstar in|out USER PATH: moves files between a stream and a container, as one of the container's users.
//
// Garden starts one for every request to stream in or out (services/garden/files.hpp). Descriptor 3 is the /proc directory of
// the container's init; the archive comes on stdin or goes to stdout; what went wrong is one line on stderr, and exit status 1.
//
//   in   extracts into PATH, which is made if it is missing
//   out  archives PATH; with a slash at its end, only what is in it
//
// A relative PATH starts in the user's home. No signal has a meaning of its own.
#include <sys/resource.h>

#include <clocale>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>
#include <string>

#include "common/base/error.hpp"
#include "services/nstar/enter.hpp"
#include "services/nstar/tar.hpp"

namespace {

using namespace concourse;

constexpr int kProc = 3;
constexpr rlim_t kMemory = 128 << 20;  // bytes

// Archives and trees are made by strangers, and libarchive remembers without a bound: each file of several names, each directory
// whose time is to be set, each part of a file with holes.
void limit_memory() {
#ifndef __SANITIZE_ADDRESS__  // which takes terabytes of addresses
  const rlimit limit{kMemory, kMemory};
  if (::setrlimit(RLIMIT_DATA, &limit) != 0) throw SysError("limit the memory");
#endif
}

void stream_in(const os::User& user, const std::string& path) {
  nstar::make_and_enter(path, user);
  nstar::become(user);
  nstar::extract(0);
}

void stream_out(const os::User& user, const std::string& path) {
  const bool contents = path.ends_with('/');
  const std::filesystem::path source(path);
  nstar::become(user);
  const auto directory = contents ? source : source.parent_path();
  if (!directory.empty()) {
    std::error_code error;
    std::filesystem::current_path(directory, error);
    if (error) throw SysError("enter '" + directory.string() + "'", error.value());
  }
  nstar::create(contents || source.filename().empty() ? "." : source.filename().string(), 1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string direction = argc == 4 ? argv[1] : "";
  if (direction != "in" && direction != "out")
    return std::fputs("usage: concourse-nstar in|out USER PATH (started by concourse-garden)\n", stderr), 2;
  std::signal(SIGPIPE, SIG_IGN);
  std::setlocale(LC_CTYPE, "C.UTF-8");  // names are bytes; now, while it is our own file that is read for it
  try {
    limit_memory();
    const auto user = nstar::enter_container(kProc, argv[2]);
    direction == "in" ? stream_in(user, argv[3]) : stream_out(user, argv[3]);
    return 0;
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr, "more than %llu MiB of memory would be needed\n", static_cast<unsigned long long>(kMemory >> 20));
    return 1;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
    return 1;
  }
}
