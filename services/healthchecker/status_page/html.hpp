// A piece of HTML. Markup can only be a literal of our own sources, and everything else is escaped: what a service, a peer or a
// file says can't become markup by mistake.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace concourse::healthchecker::status_page {

// Only a constant of the sources converts to it.
struct Markup {
  consteval Markup(const char* literal) : text(literal) {}  // NOLINT(google-explicit-constructor): that is its use
  const char* text;
};

class Html {
 public:
  Html() = default;

  Html& markup(Markup markup) {
    html_ += markup.text;
    return *this;
  }
  // For an element's content or a quoted attribute. Control characters are shown as U+FFFD; what is longer than kMostText
  // bytes ends with an ellipsis.
  Html& text(std::string_view text);
  Html& number(std::int64_t value) {
    html_ += std::to_string(value);
    return *this;
  }
  // With at most two decimals: for coordinates.
  Html& decimal(double value);
  Html& add(const Html& other) {
    html_ += other.html_;
    return *this;
  }

  const std::string& str() const { return html_; }

  static constexpr std::size_t kMostText = 1000;

 private:
  std::string html_;
};

}  // namespace concourse::healthchecker::status_page
