// Reads the field types of SSH's wire forms (RFC 4251 §5).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace concourse::ssh {

class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}

  // Nothing once the bytes don't hold what is asked for; then every later call gives nothing too.
  std::optional<std::uint32_t> u32() {
    if (rest_.size() < 4) return fail<std::uint32_t>();
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | static_cast<unsigned char>(rest_[static_cast<std::size_t>(i)]);
    rest_.remove_prefix(4);
    return value;
  }

  std::optional<std::string_view> string() {
    const auto size = u32();
    if (!size || *size > rest_.size()) return fail<std::string_view>();
    const auto value = rest_.substr(0, *size);
    rest_.remove_prefix(*size);
    return value;
  }

  std::string_view rest() const { return rest_; }

 private:
  template <typename T>
  std::optional<T> fail() {
    rest_ = {};
    return std::nullopt;
  }

  std::string_view rest_;
};

}  // namespace concourse::ssh
