#include "common/os/container_user.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace concourse::os {

namespace {

constexpr std::size_t kMaxLine = 1 << 20;  // a longer line (a group with very many members) is skipped
constexpr std::size_t kMaxFields = 7;
constexpr std::size_t kMaxFile = 64 << 20;  // what is behind that, in a file without end, isn't looked at

// Reads a colon-separated file line by line into one static buffer.
class Table {
 public:
  explicit Table(const char* path) : fd_(::open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)) {
    struct stat st {};  // a build may have put a pipe or a device there
    if (fd_ >= 0 && (::fstat(fd_, &st) != 0 || !S_ISREG(st.st_mode))) ::close(std::exchange(fd_, -1));
  }
  ~Table() {
    if (fd_ >= 0) ::close(fd_);
  }

  // The next line's fields, `count` of them. False at the end.
  bool next(std::string_view* fields, std::size_t& count) {
    for (;;) {
      const char* newline = static_cast<const char*>(std::memchr(buffer_ + begin_, '\n', end_ - begin_));
      if (newline == nullptr && refill()) continue;
      if (newline == nullptr && begin_ == end_) return false;
      const std::size_t line_end = newline != nullptr ? static_cast<std::size_t>(newline - buffer_) : end_;
      const auto line = trim({buffer_ + begin_, line_end - begin_});
      begin_ = newline != nullptr ? line_end + 1 : end_;
      if (std::exchange(skipping_, false)) continue;  // the tail of a line that was too long
      count = split(line, fields);
      return true;
    }
  }

 private:
  bool refill() {
    if (begin_ > 0) {
      std::memmove(buffer_, buffer_ + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    if (end_ == sizeof buffer_) {
      end_ = 0;
      skipping_ = true;
    }
    if (fd_ < 0 || read_ >= kMaxFile) return false;
    const ssize_t n = ::read(fd_, buffer_ + end_, sizeof buffer_ - end_);
    if (n <= 0) return false;
    end_ += static_cast<std::size_t>(n);
    read_ += static_cast<std::size_t>(n);
    return true;
  }

  static std::string_view trim(std::string_view line) {
    constexpr std::string_view kBlanks = " \t\r\v\f";
    const auto first = line.find_first_not_of(kBlanks);
    return first == std::string_view::npos ? std::string_view() : line.substr(first, line.find_last_not_of(kBlanks) - first + 1);
  }

  static std::size_t split(std::string_view line, std::string_view* fields) {
    std::size_t count = 0;
    while (count < kMaxFields) {
      const auto colon = line.find(':');
      fields[count++] = line.substr(0, colon);
      if (colon == std::string_view::npos) break;
      line.remove_prefix(colon + 1);
    }
    return count;
  }

  int fd_;
  static char buffer_[kMaxLine];
  std::size_t begin_ = 0, end_ = 0, read_ = 0;
  bool skipping_ = false;
};
char Table::buffer_[kMaxLine];

// 0 … 2^31-1, as the peers accept. False for anything else.
bool parse_id(std::string_view text, unsigned& id) {
  if (text.empty() || text.size() > 10) return false;
  unsigned long value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned long>(c - '0');
  }
  id = static_cast<unsigned>(value);
  return value <= 0x7fffffff;
}

bool has_member(std::string_view members, std::string_view name) {
  while (!members.empty()) {
    const auto comma = members.find(',');
    if (members.substr(0, comma) == name) return true;
    if (comma == std::string_view::npos) return false;
    members.remove_prefix(comma + 1);
  }
  return false;
}

void copy(std::string_view from, char* to, std::size_t size) {
  const std::size_t n = from.size() < size - 1 ? from.size() : size - 1;
  std::memcpy(to, from.data(), n);
  to[n] = '\0';
}

// Fills uid, gid, home and name from /etc/passwd. False if `text` is a name that isn't there.
bool from_passwd(std::string_view text, const char* path, User& user, char* name, std::size_t name_size) {
  unsigned wanted = 0;
  const bool by_number = parse_id(text, wanted);
  Table table(path);
  std::string_view f[kMaxFields];
  for (std::size_t n = 0; table.next(f, n);) {
    unsigned uid = 0, gid = 0;
    // Short lines are whole ones whose last fields are empty.
    if (n < 3 || !parse_id(f[2], uid) || (n > 3 && !parse_id(f[3], gid))) continue;
    if (by_number ? uid != wanted : f[0] != text) continue;
    user.uid = uid;
    user.gid = gid;
    if (n > 5 && f[5].starts_with('/')) copy(f[5], user.home, sizeof user.home);
    copy(f[0], name, name_size);
    return true;
  }
  if (by_number) {
    user.uid = wanted;
    return true;
  }
  return text == "root";  // an image without a passwd file still has a root
}

}  // namespace

bool look_up_user(const char* text, User& user, char* why, std::size_t why_size, const char* passwd_path, const char* group_path) {
  std::string_view rest(text);
  const auto colon = rest.find(':');
  std::string_view who = rest.substr(0, colon);
  const std::string_view group = colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
  if (who.empty()) who = "0";

  char name[256] = "";
  if (!from_passwd(who, passwd_path, user, name, sizeof name)) {
    std::snprintf(why, why_size, "unable to find user %.*s: no matching entries in passwd file", static_cast<int>(who.size()),
                  who.data());
    return false;
  }
  unsigned gid = 0;
  bool group_found = group.empty() || parse_id(group, gid);
  if (!group.empty() && group_found) user.gid = gid;

  Table table(group_path);
  std::string_view f[kMaxFields];
  for (std::size_t n = 0; table.next(f, n);) {
    if (n < 3 || !parse_id(f[2], gid)) continue;
    if (!group_found && f[0] == group) {
      user.gid = gid;
      group_found = true;
    }
    if (group.empty() && n > 3 && name[0] != '\0' && has_member(f[3], name) && user.group_count < kMaxGroups)
      user.groups[user.group_count++] = gid;
  }
  if (!group_found) {
    std::snprintf(why, why_size, "unable to find group %.*s: no matching entries in group file", static_cast<int>(group.size()),
                  group.data());
    return false;
  }
  return true;
}

}  // namespace concourse::os
