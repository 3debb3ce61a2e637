#include "services/garden/dns/message.hpp"

namespace concourse::garden::dns {

namespace {

constexpr std::size_t kHeader = 12;
constexpr std::uint8_t kResponse = 0x80, kRecursionAvailable = 0x80, kServerFailure = 2;

std::uint16_t u16(std::string_view message, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(message[at]) << 8 | static_cast<unsigned char>(message[at + 1]));
}

// Where the first question ends; 0 if there isn't exactly one whole question.
std::size_t end_of_question(std::string_view message) {
  if (message.size() < kHeader || u16(message, 4) != 1) return 0;
  std::size_t at = kHeader;
  while (at < message.size() && message[at] != 0) {
    const auto length = static_cast<unsigned char>(message[at]);
    if (length > 63) return 0;  // a pointer has no place in a question
    at += std::size_t{length} + 1;
  }
  return at + 5 <= message.size() ? at + 5 : 0;  // the root label, type, class
}

}  // namespace

std::optional<std::uint16_t> query_id(std::string_view message) {
  if (message.size() < kHeader || (static_cast<unsigned char>(message[2]) & kResponse) != 0) return std::nullopt;
  return u16(message, 0);
}

std::optional<std::string> server_failure(std::string_view query) {
  const auto end = end_of_question(query);
  if (end == 0 || !query_id(query)) return std::nullopt;
  std::string answer(query.substr(0, end));
  answer[2] = static_cast<char>(static_cast<unsigned char>(answer[2]) | kResponse);
  answer[3] = static_cast<char>(kRecursionAvailable | kServerFailure);
  for (std::size_t at = 6; at < kHeader; ++at) answer[at] = 0;  // no answers, no authorities, nothing additional
  return answer;
}

}  // namespace concourse::garden::dns
