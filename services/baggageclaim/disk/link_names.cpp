#include "services/baggageclaim/disk/link_names.hpp"

namespace concourse::baggageclaim {

namespace {
// What a remembered file or directory takes beside the letters of its name, allocation included.
constexpr std::size_t kPerFile = 128, kPerDirectory = 96;
}  // namespace

void LinkNames::enter(const char* name) { path_.push_back({name, std::nullopt}); }

bool LinkNames::spend(std::size_t bytes) {
  if (bytes > budget_ - spent_) return given_up_ = true, false;
  spent_ += bytes;
  return true;
}

// The number of the current directory; nothing if there is no room to give it one.
std::optional<std::uint32_t> LinkNames::current() {
  // From the last step that has a number on.
  auto step = path_.size();
  while (step > 0 && !path_[step - 1].number) --step;
  auto above = step == 0 ? kRoot : *path_[step - 1].number;
  for (; step < path_.size(); ++step) {
    if (!spend(kPerDirectory + path_[step].name.size())) return std::nullopt;
    directories_.push_back({above, path_[step].name});
    above = static_cast<std::uint32_t>(directories_.size() - 1);
    path_[step].number = above;
  }
  return above;
}

std::optional<std::string> LinkNames::seen_before(const struct stat& status, const std::string& name) {
  const Key key{status.st_dev, status.st_ino};
  const auto found = files_.find(key);
  if (found == files_.end()) {
    const auto directory = current();
    if (directory && spend(kPerFile + name.size())) files_.emplace(key, File{*directory, name, status.st_nlink - 1});
    return std::nullopt;
  }
  auto& file = found->second;
  std::vector<std::uint32_t> way;
  for (auto number = file.directory; number != kRoot; number = directories_[number].above) way.push_back(number);
  std::string path;
  for (auto number = way.rbegin(); number != way.rend(); ++number) path += directories_[*number].name + "/";
  path += file.name;
  if (--file.left == 0) {
    spent_ -= kPerFile + file.name.size();
    files_.erase(found);
  }
  return path;
}

}  // namespace concourse::baggageclaim
