#include "services/healthchecker/status_page/html.hpp"

#include <cstdio>

namespace concourse::healthchecker::status_page {

namespace {

bool continues(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }  // the character before it, in UTF-8

}  // namespace

Html& Html::text(std::string_view text) {
  const bool cut = text.size() > kMostText;
  if (cut) {
    auto end = kMostText;
    while (end > 0 && continues(text[end])) --end;
    text = text.substr(0, end);
  }
  for (const char c : text) switch (c) {
      case '&': html_ += "&amp;"; break;
      case '<': html_ += "&lt;"; break;
      case '>': html_ += "&gt;"; break;
      case '"': html_ += "&quot;"; break;
      case '\'': html_ += "&#39;"; break;
      default:
        if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') || c == 0x7f) html_ += "\xEF\xBF\xBD";
        else html_ += c;
    }
  if (cut) html_ += "…";
  return *this;
}

Html& Html::decimal(double value) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.2f", value);
  html_ += digits;
  return *this;
}

}  // namespace concourse::healthchecker::status_page
