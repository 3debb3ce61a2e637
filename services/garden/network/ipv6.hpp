// IPv6 addresses and networks, and the pool from which containers get theirs. As with IPv4 the pool's first address behind the
// network's own is the gateway of all.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace concourse::garden {

struct Ipv6Address {
  std::array<std::uint8_t, 16> bytes{};  // network byte order

  bool operator<(const Ipv6Address& other) const { return bytes < other.bytes; }
  std::string text() const;
};

std::optional<Ipv6Address> parse_ipv6(const std::string& text);

struct Ipv6Range {
  Ipv6Address base;
  int prefix = 128;

  // "fd9c:31a6:c759::/64". Throws Error(invalid) naming the text.
  static Ipv6Range parse(const std::string& text);
  std::string text() const;
};

class Ipv6Pool {  // thread-safe
 public:
  // At least a /126, of addresses that can be routed. Throws Error(invalid).
  explicit Ipv6Pool(const Ipv6Range& range);

  Ipv6Address gateway() const { return at(1); }
  std::uint64_t capacity() const { return last_offset_ - 1; }  // in containers

  // The next free one, round-robin. Throws Error(exhausted).
  Ipv6Address take();
  // One that a living container has, also if it comes from an earlier pool. Throws Error(conflict) if it is taken.
  void restore(const Ipv6Address& address);
  void give_back(const Ipv6Address& address);

 private:
  Ipv6Address at(std::uint64_t offset) const;

  const Ipv6Range range_;
  const std::uint64_t last_offset_;  // larger pools are used up to 2⁶⁴ addresses
  std::mutex mutex_;                 // guards the rest
  std::set<Ipv6Address> taken_;
  std::uint64_t latest_ = 1;  // offset
};

}  // namespace concourse::garden
