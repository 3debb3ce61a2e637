// The IPv4 addresses of containers. The pool's first address is the gateway, which every container sees as its only neighbour.
// Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace concourse::garden {

struct Ipv4Range {
  std::uint32_t base = 0;  // host byte order
  int prefix = 32;

  // "10.80.0.0/16". Throws Error(invalid) naming the text.
  static Ipv4Range parse(const std::string& text);
  std::uint32_t size() const { return prefix == 0 ? UINT32_MAX : (1u << (32 - prefix)); }
  bool contains(std::uint32_t address) const { return address - base < size(); }
  std::string text() const;
};

std::string ipv4_text(std::uint32_t address);
std::optional<std::uint32_t> parse_ipv4(const std::string& text);

class AddressPool {
 public:
  // At least a /30. Throws Error(invalid).
  explicit AddressPool(Ipv4Range range);

  std::uint32_t gateway() const { return range_.base + 1; }
  const Ipv4Range& range() const { return range_; }

  // The next free one, round-robin, so that an address isn't used again soon. Throws Error(exhausted).
  std::uint32_t take();
  // What a client asks for: an address with its subnet ("10.2.0.6/24"), or a subnet ("10.2.0.0/24") of which the first free one is
  // taken. Without a prefix it is a /30. Inside the pool or not, but never an address of the host. Throws Error(invalid, conflict,
  // exhausted) naming the text. The network address, the first and the last one of a subnet are nobody's, as with guardian.
  std::uint32_t take(const std::string& wanted);
  // One that a living container has, also if it comes from an earlier pool. Throws Error(conflict) if it is taken.
  void restore(std::uint32_t address);
  void give_back(std::uint32_t address);

 private:
  bool free_for_asking(std::uint32_t address) const;  // under mutex_
  bool usable(std::uint32_t address) const;

  const Ipv4Range range_;
  std::mutex mutex_;  // guards the rest
  std::set<std::uint32_t> taken_;
  std::uint32_t last_;
};

}  // namespace concourse::garden
