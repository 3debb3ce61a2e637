#include "services/beacon/event_reader.hpp"

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/base/strings.hpp"

namespace concourse::beacon {

namespace {
constexpr std::size_t kMaxLine = 64 << 10;
}

std::vector<TsaEvent> EventReader::feed(std::string_view bytes) {
  std::vector<TsaEvent> events;
  for (const char c : bytes) {
    if (c != '\n') {
      if (line_.size() >= kMaxLine) throw Error(ErrorKind::invalid, "the TSA sent an event longer than 64 KiB");
      line_ += c;
      continue;
    }
    if (!trim(line_).empty()) {
      try {
        const auto name = string_field(parse_json(line_), "event");
        if (name == "registered") events.push_back(TsaEvent::registered);
        else if (name == "heartbeated") events.push_back(TsaEvent::heartbeated);
      } catch (const Error& e) {
        throw Error(ErrorKind::invalid, "the TSA sent an event that can't be read ('" + line_.substr(0, 200) + "'): " + e.what());
      }
    }
    line_.clear();
  }
  return events;
}

}  // namespace concourse::beacon
