// Which files of several names have been seen, and under which name first: later names become hard links to it.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

namespace concourse::baggageclaim {

// The path of the directory that a walk is in, as it grows and shrinks. Directories in which such files lie are kept as one name
// and the number of the one above each, however long their paths are.
class LinkNames {
 public:
  // Bytes for what is remembered at the same time. A file that came when they were used up isn't remembered: its names become
  // files of their own, each with the whole content.
  static constexpr std::size_t kBudget = 32 << 20;
  explicit LinkNames(std::size_t budget = kBudget) : budget_(budget) {}

  // The walk goes into a directory of the current one, or back.
  void enter(const char* name);
  void leave() { path_.pop_back(); }

  // If the file, `name` in the current directory, was seen before: the path it had then, "/" after each directory. The last of
  // its names forgets it.
  std::optional<std::string> seen_before(const struct stat& status, const std::string& name);
  // Whether the budget has been used up at some time.
  bool has_given_up() const { return given_up_; }

 private:
  static constexpr std::uint32_t kRoot = UINT32_MAX;
  struct Key {
    dev_t device;
    ino_t inode;
    bool operator==(const Key&) const = default;
  };
  struct Hash {
    std::size_t operator()(const Key& key) const { return (key.inode ^ key.device << 40) * 0x9e3779b97f4a7c15u; }
  };
  struct File {
    std::uint32_t directory;
    std::string name;
    nlink_t left;  // names that haven't been seen
  };
  struct Directory {
    std::uint32_t above;
    std::string name;
  };
  struct Step {
    std::string name;
    std::optional<std::uint32_t> number;  // once something in it, or below it, is remembered
  };

  bool spend(std::size_t bytes);
  std::optional<std::uint32_t> current();

  const std::size_t budget_;
  std::size_t spent_ = 0;
  bool given_up_ = false;
  std::vector<Step> path_;
  std::vector<Directory> directories_;
  std::unordered_map<Key, File, Hash> files_;
};

}  // namespace concourse::baggageclaim
