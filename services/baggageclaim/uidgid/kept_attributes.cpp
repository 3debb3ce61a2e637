#include "services/baggageclaim/uidgid/kept_attributes.hpp"

#include <sys/xattr.h>

#include <cerrno>
#include <charconv>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr const char* kKeptXattr = "trusted.concourse.kept";

bool unsupported(int error) { return error == ENOTSUP || error == EPERM; }
}  // namespace

void keep_attributes(const std::string& path, const KeptAttributes& kept) {
  char mode[8];
  const auto end = std::to_chars(mode, mode + sizeof mode, kept.mode, 8).ptr;
  const auto value = std::string(mode, end) + ":" + kept.capability;
  if (::setxattr(path.c_str(), kKeptXattr, value.data(), value.size(), 0) != 0 && !unsupported(errno))
    throw SysError("keep mode and capabilities");
}

std::optional<KeptAttributes> kept_attributes(const std::string& path) {
  char value[96];
  const auto size = ::getxattr(path.c_str(), kKeptXattr, value, sizeof value);
  if (size <= 0) return std::nullopt;
  KeptAttributes kept;
  const auto [end, error] = std::from_chars(value, value + size, kept.mode, 8);
  if (error != std::errc{} || end == value + size || *end != ':' || kept.mode > 07777) return std::nullopt;
  kept.capability.assign(end + 1, static_cast<std::size_t>(value + size - (end + 1)));
  return kept;
}

void forget_attributes(const std::string& path) {
  if (::removexattr(path.c_str(), kKeptXattr) != 0 && errno != ENODATA && !unsupported(errno))
    throw SysError("forget mode and capabilities");
}

}  // namespace concourse::baggageclaim
