#include "services/ctl/process/text_input.hpp"

#include <utility>

#include "common/base/error.hpp"

namespace concourse::ctl {

namespace {

struct Lead {
  std::size_t size = 0;                   // of the whole character; 0: can't begin one
  unsigned char low = 0x80, high = 0xbf;  // what its second byte may be
};

// The table of well-formed UTF-8 (Unicode, 3.9): no surrogates, nothing overlong, nothing beyond U+10FFFF.
Lead lead_of(unsigned char c) {
  if (c < 0x80) return {1};
  if (c >= 0xc2 && c <= 0xdf) return {2};
  if (c == 0xe0) return {3, 0xa0};
  if (c == 0xed) return {3, 0x80, 0x9f};
  if (c >= 0xe1 && c <= 0xef) return {3};
  if (c == 0xf0) return {4, 0x90};
  if (c == 0xf4) return {4, 0x80, 0x8f};
  if (c >= 0xf1 && c <= 0xf3) return {4};
  return {};
}

}  // namespace

std::string TextInput::replaced() {
  if (!tolerant_)
    throw Error(
        ErrorKind::invalid,
        "the input is not text (UTF-8), and Garden's protocol carries nothing else; send it through base64, or put it into one "
        "of the container's volumes");
  return "\xef\xbf\xbd";
}

std::string TextInput::take(std::string_view bytes) {
  const auto all = std::exchange(waiting_, {}) + std::string(bytes);
  std::string text;
  for (std::size_t at = 0; at < all.size();) {
    const auto lead = lead_of(static_cast<unsigned char>(all[at]));
    std::size_t good = lead.size == 0 ? 0 : 1;
    for (; good > 0 && good < lead.size && at + good < all.size(); ++good) {
      const auto c = static_cast<unsigned char>(all[at + good]);
      if (c < (good == 1 ? lead.low : 0x80) || c > (good == 1 ? lead.high : 0xbf)) break;
    }
    if (good > 0 && good < lead.size && at + good == all.size()) {
      waiting_ = all.substr(at);
      break;
    }
    if (good > 0 && good == lead.size) text += all.substr(at, good);
    else text += replaced();
    at += good == 0 ? 1 : good;
  }
  return text;
}

std::string TextInput::rest() { return std::exchange(waiting_, {}).empty() ? "" : replaced(); }

}  // namespace concourse::ctl
