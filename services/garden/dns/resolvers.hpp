// The host's name servers, in the order of its resolv.conf.
#pragma once

#include <sys/socket.h>

#include <filesystem>
#include <vector>

namespace concourse::garden::dns {

struct Resolver {
  sockaddr_storage address{};
  socklen_t size = 0;
};

// Whether two IPv4 addresses are those of the same machine, whatever the ports.
bool same_host(const sockaddr_storage& a, const sockaddr_storage& b);

class Resolvers {
 public:
  explicit Resolvers(std::filesystem::path resolv_conf, std::uint16_t port = 53) : file_(std::move(resolv_conf)), port_(port) {}

  // Read again when the file has changed. An unreadable file is an empty list.
  const std::vector<Resolver>& list();

 private:
  const std::filesystem::path file_;
  const std::uint16_t port_;
  std::filesystem::file_time_type read_at_{};
  std::vector<Resolver> list_;
};

}  // namespace concourse::garden::dns
