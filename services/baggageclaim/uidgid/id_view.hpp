// How a volume shows its owners on the host.
//
//   container id      0    1 … M-1    M
//   privileged        0    1 … M-1    M        container root is host root
//   unprivileged      M    1 … M-1    0        container root is M, the highest valid id; 0 and M change places
//
// Archives always carry container ids: that lets volumes move between privileged and unprivileged, and between workers.
#pragma once

#include <cstdint>
#include <optional>

namespace concourse::baggageclaim {

class IdView {
 public:
  // Ids are what they are, on the host and in the container.
  static IdView plain() { return IdView(0, false); }
  static IdView unprivileged(std::uint32_t max) { return IdView(max, true); }
  static IdView privileged(std::uint32_t max) { return IdView(max, false); }

  bool maps() const { return max_ != 0; }
  bool shifted() const { return shifted_; }
  std::uint32_t max() const { return max_; }

  // A container's id -> the host's. Nothing if the container has no such id.
  std::optional<std::uint32_t> to_host(std::uint64_t container_id) const {
    if (shifted_) {
      if (container_id >= max_) return std::nullopt;
      return container_id == 0 ? max_ : static_cast<std::uint32_t>(container_id);
    }
    if (container_id >= UINT32_MAX) return std::nullopt;
    return static_cast<std::uint32_t>(container_id);
  }

  // The host's id -> the container's, as its own stat(2) would show it.
  std::uint32_t to_container(std::uint32_t host_id) const {
    if (!shifted_) return host_id;
    if (host_id == max_) return 0;
    return host_id == 0 ? kOverflowId : host_id;
  }

  // 0 and M change places in a shifted view: host's id for the container's and the other way round.
  std::uint32_t swapped(std::uint32_t id) const {
    if (!shifted_) return id;
    return id == 0 ? max_ : id == max_ ? 0 : id;
  }

  // What the owner of a file becomes that was made under either view and shall be under this one.
  std::uint32_t settle(std::uint32_t host_id) const {
    if (max_ == 0) return host_id;
    if (shifted_) return host_id == 0 ? max_ : host_id;
    return host_id == max_ ? 0 : host_id;
  }

  // The host's id of container root: the owner of what the server itself creates.
  std::uint32_t root() const { return shifted_ ? max_ : 0; }

  bool operator==(const IdView&) const = default;

 private:
  static constexpr std::uint32_t kOverflowId = 65534;  // the kernel's answer for an id that a namespace doesn't have
  IdView(std::uint32_t max, bool shifted) : max_(max), shifted_(shifted) {}
  std::uint32_t max_;
  bool shifted_;
};

}  // namespace concourse::baggageclaim
