#include "services/shim/json_scanner.hpp"

#include "common/base/error.hpp"

namespace concourse::shim {

std::optional<std::string> JsonScanner::next() {
  for (; at_ < text_.size(); ++at_) {
    const char c = text_[at_];
    if (in_string_) {
      if (escaped_) escaped_ = false;
      else if (c == '\\') escaped_ = true;
      else if (c == '"') in_string_ = false;
    } else if (depth_ == 0) {
      if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
      if (c != '{') throw Error(ErrorKind::invalid, "the client's stream is not JSON");
      text_.erase(0, at_);
      at_ = 0;
      depth_ = 1;
    } else if (c == '"') {
      in_string_ = true;
    } else if (c == '{' || c == '[') {
      ++depth_;
    } else if ((c == '}' || c == ']') && --depth_ == 0) {
      auto object = text_.substr(0, at_ + 1);
      text_.erase(0, at_ + 1);
      at_ = 0;
      return object;
    }
  }
  if (depth_ == 0) {
    text_.clear();
    at_ = 0;
  }
  if (text_.size() > kMaxObject) throw Error(ErrorKind::invalid, "a message of the client is too long");
  return std::nullopt;
}

}  // namespace concourse::shim
