// What tells a worker from another on the same machine, which has another runtime directory: in the names of cgroups and firewall
// tables, and as the interface group of its containers' links.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace concourse::protocol {

constexpr std::uint32_t worker_id(std::string_view runtime_dir) {
  std::uint32_t hash = 2166136261;  // FNV-1a: the same in every build, for the next Garden to find what this one made
  for (const char c : runtime_dir) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619;
  return hash;
}

// Begins the name of every container's link on the host; its address follows, 8 hexadecimal digits.
inline constexpr const char* kLinkPrefix = "cw";

// Abstract Unix sockets, which are as unique as links: one to a network namespace. A running Garden has
// kGardenClaim<worker id, decimal>/<runtime dir, perhaps cut>, and kLinkClaim<link> while it makes that link.
inline constexpr const char* kGardenClaim = "concourse-garden/";
inline constexpr const char* kLinkClaim = "concourse-link/";

}  // namespace concourse::protocol
