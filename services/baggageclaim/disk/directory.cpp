#include "services/baggageclaim/disk/directory.hpp"

#include <dirent.h>
#include <fcntl.h>

#include <cerrno>
#include <memory>
#include <string_view>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

namespace {

using Listing = std::unique_ptr<DIR, int (*)(DIR*)>;

Listing open_listing(int directory, const std::string& path) {
  const int fd = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  Listing listing(fd < 0 ? nullptr : fdopendir(fd), closedir);
  if (!listing) throw SysError("read directory '" + path + "'");
  return listing;
}

// The next one that isn't . or ..; nullptr at the end.
const dirent* next_entry(DIR* listing, const std::string& path) {
  for (;;) {
    errno = 0;
    const dirent* entry = readdir(listing);
    if (entry == nullptr) {
      if (errno != 0) throw SysError("read directory '" + path + "'");
      return nullptr;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return entry;
  }
}

}  // namespace

void for_each_entry(int directory, const std::string& path, const std::function<void(const char* name)>& visit) {
  const auto listing = open_listing(directory, path);
  while (const auto* entry = next_entry(listing.get(), path)) visit(entry->d_name);
}

void for_each_entry(int directory, const std::string& path,
                    const std::function<void(const char* name, unsigned char type)>& visit) {
  const auto listing = open_listing(directory, path);
  while (const auto* entry = next_entry(listing.get(), path)) visit(entry->d_name, entry->d_type);
}

bool is_empty_directory(int directory, const std::string& path) {
  const auto listing = open_listing(directory, path);
  return next_entry(listing.get(), path) == nullptr;
}

UniqueFd open_directory_at(int directory, const char* name) {
  return UniqueFd(::openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

UniqueFd reopen_directory(int directory, const std::string& path) {
  UniqueFd fd(::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw SysError("open directory '" + path + "'");
  return fd;
}

}  // namespace concourse::baggageclaim
