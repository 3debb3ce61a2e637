#include "common/daemon/log_journal.hpp"

#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <cstdlib>

namespace concourse::log {

namespace {

constexpr const char* kSocket = "/run/systemd/journal/socket";

// A field's name has capitals, digits and underscores.
std::string field_name(std::string_view key) {
  std::string name = "CONCOURSE_";
  for (const char c : key) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter) name += static_cast<char>(c & ~0x20);
    else name += c >= '0' && c <= '9' ? c : '_';
  }
  return name;
}

}  // namespace

bool stdout_is_the_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat out {};
  if (stream == nullptr || ::fstat(STDOUT_FILENO, &out) != 0 || ::access(kSocket, W_OK) != 0) return false;
  return std::to_string(out.st_dev) + ":" + std::to_string(out.st_ino) == stream;
}

std::vector<std::string> journal_fields(std::string_view line, int priority, std::string_view source, std::string_view event,
                                        const std::vector<std::pair<std::string, std::string>>& data) {
  std::vector<std::string> fields{"MESSAGE=" + std::string(line), "PRIORITY=" + std::to_string(priority),
                                  "SYSLOG_IDENTIFIER=concourse-" + std::string(source), "CONCOURSE_EVENT=" + std::string(event)};
  for (const auto& [key, value] : data) fields.push_back(field_name(key) + "=" + value);
  return fields;
}

bool send_to_journal(const std::vector<std::string>& fields) {
  std::vector<iovec> parts;
  for (const auto& field : fields) parts.push_back({const_cast<char*>(field.data()), field.size()});
  return ::access(kSocket, W_OK) == 0 && sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
}

}  // namespace concourse::log
