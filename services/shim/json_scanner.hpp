// Cuts a byte stream into JSON objects. The hijacked stream is a sequence of them, with any white space or none between.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace concourse::shim {

class JsonScanner {
 public:
  static constexpr std::size_t kMaxObject = 4 << 20;

  void add(std::string_view bytes) { text_.append(bytes); }
  // The next whole object, or nothing yet. Throws Error(invalid) for bytes that can't begin one, and for one that is too long.
  std::optional<std::string> next();

 private:
  std::string text_;
  std::size_t at_ = 0;  // scanned so far
  int depth_ = 0;
  bool in_string_ = false, escaped_ = false;
};

}  // namespace concourse::shim
