#include "services/garden/namespace_owners.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::garden {

std::optional<OwnerRange> OwnerRange::parse(const std::string& text) {
  if (text == "none") return std::nullopt;
  const auto parts = split(text, '-');
  const auto first = parts.size() == 2 ? parse_u64(parts[0]) : std::nullopt;
  const auto last = parts.size() == 2 ? parse_u64(parts[1]) : std::nullopt;
  if (!first || !last)
    throw Error(ErrorKind::invalid, "'" + text + "' is no range of user ids like 2100000000-2100065535, and not 'none'");
  // The last id is the root of unprivileged containers, the one above it no id at all.
  if (*first == 0 || *last >= UINT32_MAX - 1)
    throw Error(ErrorKind::invalid, "'" + text + "' has ids that are not free: 0, or above " + std::to_string(UINT32_MAX - 2));
  if (*first >= *last) throw Error(ErrorKind::invalid, "'" + text + "' has fewer than two ids");
  return OwnerRange{static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*last)};
}

NamespaceOwners::NamespaceOwners(std::optional<OwnerRange> range) : range_(range) {
  if (range_) last_ = range_->first;
}

std::uint32_t NamespaceOwners::take() {
  if (!range_) return 0;
  const std::lock_guard lock(mutex_);
  for (std::uint32_t tries = range_->last - range_->first; tries > 0; --tries) {
    last_ = last_ == range_->last ? range_->first + 1 : last_ + 1;
    if (taken_.insert(last_).second) return last_;
  }
  throw Error(ErrorKind::exhausted, "no user id is left for another container's user namespace (--user-namespace-owners)");
}

void NamespaceOwners::restore(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  if (id != 0) taken_.insert(id);
}

void NamespaceOwners::give_back(std::uint32_t id) {
  const std::lock_guard lock(mutex_);
  taken_.erase(id);
}

}  // namespace concourse::garden
