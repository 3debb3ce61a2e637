// Which id is shown for which one that is stored: the maps of id-mapped mounts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace concourse::baggageclaim {

// A map of ids onto ids in which nothing gets lost: every id is shown as exactly one, most as themselves.
class IdPermutation {
 public:
  using Pairs = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

  IdPermutation() = default;  // changes nothing
  static IdPermutation swap(std::uint32_t a, std::uint32_t b);
  // From the pairs that differ. Throws Error(invalid) unless they are a permutation.
  static IdPermutation from_pairs(const Pairs& pairs);

  std::uint32_t operator()(std::uint32_t id) const;
  std::uint32_t stored_as(std::uint32_t shown) const;  // the other way
  // First this one, then the other.
  IdPermutation then(const IdPermutation& next) const;
  bool is_identity() const { return moved_.empty(); }
  Pairs pairs() const { return {moved_.begin(), moved_.end()}; }

  // The lines for /proc/PID/uid_map that show stored ids of 0…max that way.
  std::string kernel_lines(std::uint32_t max) const;

  auto operator<=>(const IdPermutation&) const = default;  // NOLINT(modernize-use-nullptr): no pointer here

 private:
  void set(std::uint32_t from, std::uint32_t to);
  std::map<std::uint32_t, std::uint32_t> moved_;  // only ids that aren't shown as themselves
};

// For user and group ids.
struct IdMap {
  IdPermutation uid, gid;

  static IdMap swap(std::uint32_t a, std::uint32_t b) { return {IdPermutation::swap(a, b), IdPermutation::swap(a, b)}; }
  IdMap then(const IdMap& next) const { return {uid.then(next.uid), gid.then(next.gid)}; }
  bool is_identity() const { return uid.is_identity() && gid.is_identity(); }
  // The kernel takes 340 lines; a map this long isn't worth it.
  bool is_short() const { return uid.pairs().size() <= kMaxMoved && gid.pairs().size() <= kMaxMoved; }
  auto operator<=>(const IdMap&) const = default;  // NOLINT(modernize-use-nullptr): no pointer here

 private:
  static constexpr std::size_t kMaxMoved = 32;
};

}  // namespace concourse::baggageclaim
