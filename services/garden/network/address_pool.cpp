#include "services/garden/network/address_pool.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::garden {

namespace {

// Whether the host itself has the address: only its own can be bound.
bool is_of_host(std::uint32_t address) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(address);
  return fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0;
}

}  // namespace

std::string ipv4_text(std::uint32_t address) {
  const in_addr in{htonl(address)};
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &in, text, sizeof text);
}

std::optional<std::uint32_t> parse_ipv4(const std::string& text) {
  in_addr in{};
  if (inet_pton(AF_INET, text.c_str(), &in) != 1) return std::nullopt;
  return ntohl(in.s_addr);
}

Ipv4Range Ipv4Range::parse(const std::string& text) {
  const auto slash = text.find('/');
  const auto address = parse_ipv4(text.substr(0, slash));
  const auto prefix = slash == std::string::npos ? std::optional<std::uint64_t>(32) : parse_u64(text.substr(slash + 1));
  if (!address || !prefix || *prefix > 32)
    throw Error(ErrorKind::invalid, "'" + text + "' is not an IPv4 network such as 10.80.0.0/16");
  Ipv4Range range{0, static_cast<int>(*prefix)};
  range.base = range.prefix == 0 ? 0 : *address & ~(range.size() - 1);
  return range;
}

std::string Ipv4Range::text() const { return ipv4_text(base) + "/" + std::to_string(prefix); }

AddressPool::AddressPool(Ipv4Range range) : range_(range), last_(range.base + 1) {
  if (range.prefix > 30)
    throw Error(ErrorKind::invalid, "network pool " + range.text() + " has no room for a container: at least a /30 is needed");
}

bool AddressPool::usable(std::uint32_t address) const {
  return range_.contains(address) && address > gateway() && address < range_.base + range_.size() - 1;
}

std::uint32_t AddressPool::take() {
  const std::lock_guard lock(mutex_);
  auto candidate = last_;
  for (std::uint32_t i = 0; i < range_.size(); ++i) {
    ++candidate;
    if (!usable(candidate)) candidate = gateway() + 1;
    if (usable(candidate) && taken_.insert(candidate).second) return last_ = candidate;
  }
  throw Error(ErrorKind::exhausted, "network pool " + range_.text() + " has no free address");
}

bool AddressPool::free_for_asking(std::uint32_t address) const {
  return address != gateway() && !taken_.contains(address) && !is_of_host(address);
}

std::uint32_t AddressPool::take(const std::string& wanted) {
  const auto text = wanted.find('/') == std::string::npos ? wanted + "/30" : wanted;
  const auto subnet = Ipv4Range::parse(text);
  const auto address = *parse_ipv4(text.substr(0, text.find('/')));
  const auto last = subnet.base + (subnet.size() - 1);
  const std::lock_guard lock(mutex_);
  if (address != subnet.base) {
    if (address == subnet.base + 1 || address == last)
      throw Error(ErrorKind::invalid,
                  "network '" + wanted + "': the first and the last address of a subnet are not for containers");
    if (!free_for_asking(address)) throw Error(ErrorKind::conflict, "network '" + wanted + "': the address is taken");
    taken_.insert(address);
    return address;
  }
  for (auto candidate = subnet.base + 2; candidate < last && candidate > subnet.base; ++candidate)
    if (free_for_asking(candidate)) {
      taken_.insert(candidate);
      return candidate;
    }
  throw Error(ErrorKind::exhausted, "network '" + wanted + "' has no free address");
}

void AddressPool::restore(std::uint32_t address) {
  const std::lock_guard lock(mutex_);
  if (!taken_.insert(address).second) throw Error(ErrorKind::conflict, "address " + ipv4_text(address) + " is taken");
}

void AddressPool::give_back(std::uint32_t address) {
  const std::lock_guard lock(mutex_);
  taken_.erase(address);
}

}  // namespace concourse::garden
