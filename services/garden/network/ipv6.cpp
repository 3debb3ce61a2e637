#include "services/garden/network/ipv6.hpp"

#include <arpa/inet.h>

#include <algorithm>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::garden {

std::string Ipv6Address::text() const {
  char buffer[INET6_ADDRSTRLEN];
  return inet_ntop(AF_INET6, bytes.data(), buffer, sizeof buffer);
}

std::optional<Ipv6Address> parse_ipv6(const std::string& text) {
  Ipv6Address address;
  if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) != 1) return std::nullopt;
  return address;
}

Ipv6Range Ipv6Range::parse(const std::string& text) {
  const auto slash = text.find('/');
  const auto address = parse_ipv6(text.substr(0, slash));
  const auto prefix = slash == std::string::npos ? std::optional<std::uint64_t>(128) : parse_u64(text.substr(slash + 1));
  if (!address || !prefix || *prefix > 128)
    throw Error(ErrorKind::invalid, "'" + text + "' is not an IPv6 network such as fd9c:31a6:c759::/64");
  Ipv6Range range{*address, static_cast<int>(*prefix)};
  for (int bit = range.prefix; bit < 128; ++bit)
    range.base.bytes[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> bit % 8));
  return range;
}

std::string Ipv6Range::text() const { return base.text() + "/" + std::to_string(prefix); }

Ipv6Pool::Ipv6Pool(const Ipv6Range& range)
    : range_(range), last_offset_(range.prefix <= 64 ? UINT64_MAX : (std::uint64_t{1} << (128 - range.prefix)) - 1) {
  if (range.prefix > 126)
    throw Error(ErrorKind::invalid, "IPv6 pool " + range.text() + " has no room for a container: at least a /126 is needed");
  const auto& bytes = range.base.bytes;
  if (bytes[0] == 0 || bytes[0] == 0xff || (bytes[0] == 0xfe && bytes[1] >> 6 == 2))
    throw Error(ErrorKind::invalid, "IPv6 pool " + range.text() + " is of addresses that are not routed, such as fe80::/10");
}

Ipv6Address Ipv6Pool::at(std::uint64_t offset) const {
  auto address = range_.base;  // whose bits are 0 where those of the offset are
  for (std::size_t i = 0; i < 8; ++i) address.bytes[15 - i] |= static_cast<std::uint8_t>(offset >> (8 * i));
  return address;
}

Ipv6Address Ipv6Pool::take() {
  const std::lock_guard lock(mutex_);
  const auto tries = std::min<std::uint64_t>(capacity(), taken_.size() + 1);
  for (std::uint64_t i = 0; i < tries; ++i) {
    latest_ = latest_ == last_offset_ ? 2 : latest_ + 1;
    const auto candidate = at(latest_);
    if (taken_.insert(candidate).second) return candidate;
  }
  throw Error(ErrorKind::exhausted, "IPv6 pool " + range_.text() + " has no free address");
}

void Ipv6Pool::restore(const Ipv6Address& address) {
  const std::lock_guard lock(mutex_);
  if (!taken_.insert(address).second) throw Error(ErrorKind::conflict, "address " + address.text() + " is taken");
}

void Ipv6Pool::give_back(const Ipv6Address& address) {
  const std::lock_guard lock(mutex_);
  taken_.erase(address);
}

}  // namespace concourse::garden
