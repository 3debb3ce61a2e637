// Who the user namespaces of unprivileged containers belong to. The kernel charges what it counts by user (inotify, message queues,
// pending signals, locked memory, namespaces) to a user of the namespace and to that namespace's owner in the namespace above. With
// one owner, the host's root, for all, one container could use up what the others and root itself have left; so each gets an id of
// the host to itself, as long as it lives.
//
// Such an id must be nobody's: a process of the host with that user id would have all rights over the container.
#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <set>
#include <string>

namespace concourse::garden {

struct OwnerRange {
  std::uint32_t first = 0, last = 0;

  // "2100000000-2100065535"; nothing for "none". Throws Error(invalid) naming the text.
  static std::optional<OwnerRange> parse(const std::string& text);
};

// Thread-safe.
class NamespaceOwners {
 public:
  // Without a range every id that is taken is 0: the host's root.
  explicit NamespaceOwners(std::optional<OwnerRange> range);

  // For the container that a start makes to see whether it can; never given to another.
  std::uint32_t for_probe() const { return range_ ? range_->first : 0; }

  // The next free one, round-robin. Throws Error(exhausted).
  std::uint32_t take();
  // One that a living container has, whatever the range is now.
  void restore(std::uint32_t id);
  void give_back(std::uint32_t id);

 private:
  const std::optional<OwnerRange> range_;
  std::mutex mutex_;  // guards the rest
  std::set<std::uint32_t> taken_;
  std::uint32_t last_ = 0;
};

}  // namespace concourse::garden
