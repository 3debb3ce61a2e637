#include "services/baggageclaim/uidgid/id_map.hpp"

#include <set>

#include "common/base/error.hpp"

namespace concourse::baggageclaim {

void IdPermutation::set(std::uint32_t from, std::uint32_t to) {
  if (from != to) moved_[from] = to;
}

IdPermutation IdPermutation::swap(std::uint32_t a, std::uint32_t b) {
  IdPermutation permutation;
  permutation.set(a, b);
  permutation.set(b, a);
  return permutation;
}

IdPermutation IdPermutation::from_pairs(const Pairs& pairs) {
  IdPermutation permutation;
  std::set<std::uint32_t> from, to;
  for (const auto& [stored, shown] : pairs) {
    if (!from.insert(stored).second || !to.insert(shown).second) throw Error(ErrorKind::invalid, "an id map names an id twice");
    permutation.set(stored, shown);
  }
  if (from != to) throw Error(ErrorKind::invalid, "an id map loses an id");
  return permutation;
}

std::uint32_t IdPermutation::operator()(std::uint32_t id) const {
  const auto found = moved_.find(id);
  return found == moved_.end() ? id : found->second;
}

std::uint32_t IdPermutation::stored_as(std::uint32_t shown) const {
  for (const auto& [from, to] : moved_)
    if (to == shown) return from;
  return shown;
}

IdPermutation IdPermutation::then(const IdPermutation& next) const {
  IdPermutation both;
  for (const auto& [from, to] : moved_) both.set(from, next(to));
  for (const auto& [from, to] : next.moved_)
    if (!moved_.contains(from)) both.set(from, to);
  return both;
}

std::string IdPermutation::kernel_lines(std::uint32_t max) const {
  std::string lines;
  const auto add = [&](std::uint32_t stored, std::uint32_t shown, std::uint32_t count) {
    if (count > 0) lines += std::to_string(stored) + " " + std::to_string(shown) + " " + std::to_string(count) + "\n";
  };
  std::uint32_t next = 0;
  for (const auto& [stored, shown] : moved_) {
    add(next, next, stored - next);
    add(stored, shown, 1);
    next = stored + 1;
  }
  // max is the last valid id, so max + 1 doesn't wrap.
  if (next <= max) add(next, next, max - next + 1);
  return lines;
}

}  // namespace concourse::baggageclaim
