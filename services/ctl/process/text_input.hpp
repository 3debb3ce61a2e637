// Input for a process is text: Garden's protocol carries it in JSON strings.
#pragma once

#include <string>
#include <string_view>

namespace concourse::ctl {

// Cuts what was read at any place into whole characters.
class TextInput {
 public:
  // Bytes that are no UTF-8 become U+FFFD if `tolerant` (keys of a strange keyboard); else they are an Error(invalid), for data
  // must not be changed silently.
  explicit TextInput(bool tolerant) : tolerant_(tolerant) {}

  // The text that is complete now. What is left of the last character waits for more.
  std::string take(std::string_view bytes);
  // At the end of input: what has waited in vain.
  std::string rest();

 private:
  std::string replaced();

  const bool tolerant_;
  std::string waiting_;  // the beginning of one character
};

}  // namespace concourse::ctl
