#include "services/baggageclaim/uidgid/capability.hpp"

#include <linux/capability.h>

#include <cstdint>
#include <cstring>

namespace concourse::baggageclaim {

namespace {

constexpr std::size_t kSizeV2 = 20, kSizeV3 = 24;

std::uint32_t word_at(std::string_view value, std::size_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, value.data() + offset, sizeof word);  // the targets are little-endian, as the format is
  return word;
}

void put_word(std::string& value, std::size_t offset, std::uint32_t word) {
  std::memcpy(value.data() + offset, &word, sizeof word);
}

}  // namespace

std::optional<std::string> capability_to_container(std::string_view value, const IdView& view) {
  if (value.size() != kSizeV2 && value.size() != kSizeV3) return std::nullopt;
  const auto magic = word_at(value, 0);
  const auto revision = magic & VFS_CAP_REVISION_MASK;
  if (revision == VFS_CAP_REVISION_3 && value.size() == kSizeV3) {
    const auto root = word_at(value, kSizeV2);
    if (root != view.root() && root != 0) return std::nullopt;
  } else if (revision != VFS_CAP_REVISION_2 || value.size() != kSizeV2) {
    return std::nullopt;
  }
  std::string out(value.substr(0, kSizeV2));
  put_word(out, 0, (magic & ~static_cast<std::uint32_t>(VFS_CAP_REVISION_MASK)) | VFS_CAP_REVISION_2);
  return out;
}

std::optional<std::string> capability_to_host(std::string_view value, const IdView& view) {
  auto out = capability_to_container(value, view);
  if (!out || view.root() == 0) return out;
  const auto magic = word_at(*out, 0);
  put_word(*out, 0, (magic & ~static_cast<std::uint32_t>(VFS_CAP_REVISION_MASK)) | VFS_CAP_REVISION_3);
  out->resize(kSizeV3);
  put_word(*out, kSizeV2, view.root());
  return out;
}

}  // namespace concourse::baggageclaim
