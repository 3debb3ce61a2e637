#pragma once

#include <sys/types.h>

#include <algorithm>
#include <cstdint>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

namespace concourse::baggageclaim {

// Directories whose modes and times are to be set once they are full. Of each path only what it doesn't share with the one before
// is kept: archives name what lies in a directory behind it.
class PendingDirectories {
 public:
  // Memory, from which on full() says that it is time to apply what can be.
  static constexpr std::size_t kBudget = 8 << 20;

  bool full() const { return entries_.size() * sizeof(Entry) + rest_.size() > kBudget; }

  void add(const std::string& path, mode_t mode, const timespec& mtime) {
    const auto end = std::mismatch(path.begin(), path.end(), last_.begin(), last_.end()).first;
    const auto shared = static_cast<std::size_t>(end - path.begin());
    entries_.push_back({mtime, mode, static_cast<std::uint32_t>(shared), static_cast<std::uint32_t>(path.size() - shared)});
    rest_.append(path, shared);
    last_ = path;
  }

  // Calls `use(path, mode, mtime)` for each in the order in which they came, and forgets them.
  template <typename Use>
  void take_all(const Use& use) {
    PendingDirectories taken;
    std::swap(taken, *this);
    std::string path;
    std::size_t at = 0;
    for (const auto& entry : taken.entries_) {
      path.resize(entry.shared);
      path.append(taken.rest_, at, entry.own);
      at += entry.own;
      use(path, entry.mode, entry.mtime);
    }
  }

 private:
  struct Entry {
    timespec mtime;
    mode_t mode;
    std::uint32_t shared, own;  // bytes of the path
  };
  std::vector<Entry> entries_;
  std::string rest_, last_;
};

}  // namespace concourse::baggageclaim
