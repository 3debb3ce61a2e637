#include "common/http/message.hpp"

#include <poll.h>

#include <charconv>
#include <cstdio>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::http {

namespace {
constexpr std::size_t kMaxLine = 16 << 10;            // of a chunk's head or a trailer
constexpr auto kWholeBody = std::chrono::minutes(1);  // for a body that is wanted whole

[[noreturn]] void broken(const char* why) { throw Error(ErrorKind::invalid, std::string("request body: ") + why); }
}  // namespace

std::string BodyReader::line() {
  std::string text;
  for (;;) {
    const auto ready = stream_.peek();
    if (ready.empty()) broken("unexpected EOF");
    const auto newline = ready.find('\n');
    text.append(ready.substr(0, newline));
    if (text.size() > kMaxLine) broken("chunk head is too long");
    if (newline != std::string_view::npos) {
      stream_.consume(newline + 1);
      if (text.ends_with('\r')) text.pop_back();
      return text;
    }
    stream_.consume(ready.size());
  }
}

void BodyReader::next_chunk() {
  if (!first_chunk_ && !line().empty()) broken("malformed chunk");
  first_chunk_ = false;
  auto head = line();
  head.resize(std::min(head.find(';'), head.size()));  // extensions
  const auto digits = trim(head);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), left_, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) broken("malformed chunk size");
  if (left_ > 0) return;
  for (int trailers = 0; !line().empty();)
    if (++trailers > 100) broken("too many trailers");
  done_ = true;
}

std::size_t BodyReader::read(char* out, std::size_t size) {
  if (done_) return 0;
  if (left_ == 0) next_chunk();
  if (done_) return 0;
  const auto n = stream_.read_some(out, static_cast<std::size_t>(std::min<std::uint64_t>(size, left_)));
  if (n <= 0) broken("unexpected EOF");
  left_ -= static_cast<std::uint64_t>(n);
  if (framing_ == Framing::length && left_ == 0) done_ = true;
  return static_cast<std::size_t>(n);
}

bool BodyReader::drain(std::uint64_t limit) {
  char buffer[16384];
  stream_.set_read_deadline(Deadline::in(Duration::zero()));
  try {
    while (!done_) {
      const auto n = read(buffer, sizeof buffer);
      if (n > limit) return false;
      limit -= n;
    }
  } catch (const Error&) {
    return false;
  }
  return true;
}

std::string Request::header(const std::string& name) const {
  const auto found = headers_.find(name);
  return found == headers_.end() ? "" : found->second;
}

std::optional<std::string> Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query)
    if (key == name) return value;
  return std::nullopt;
}

std::string Request::body(std::size_t max) {
  std::string whole;
  char buffer[16384];
  reader_->set_deadline(Deadline::in(kWholeBody));
  while (const auto n = reader_->read(buffer, sizeof buffer)) {
    whole.append(buffer, n);
    if (whole.size() > max) throw Error(ErrorKind::exhausted, "request body is larger than " + std::to_string(max) + " bytes");
  }
  return whole;
}

bool ChunkWriter::write(std::string_view bytes) {
  if (bytes.empty()) return true;
  char head[24];
  const int n = std::snprintf(head, sizeof head, "%zx\r\n", bytes.size());
  return stream_.write_all({{head, static_cast<std::size_t>(n)}, bytes, "\r\n"});
}

bool ChunkWriter::client_gone() const {
  pollfd entry{stream_.fd(), POLLRDHUP, 0};
  return ::poll(&entry, 1, 0) > 0 && (entry.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

bool ChunkWriter::finish() {
  finished_ = true;
  return stream_.write_all({"0\r\n\r\n"});
}

}  // namespace concourse::http
