#include "services/baggageclaim/fuzz/tar_seeds.hpp"

#include <cstdio>

namespace concourse::baggageclaim::fuzz {

namespace {

constexpr std::size_t kRecord = 512;

struct Header {
  std::string name;
  char type = '0';
  std::string content, link;
  unsigned mode = 0644;
  unsigned long uid = 0;
  std::string time;  // instead of an ordinary one
  std::string magic = std::string(
      "ustar\0"
      "00",
      8);
};

void put(std::string& record, std::size_t at, std::size_t width, const std::string& text) {
  record.replace(at, std::min(width, text.size()), text.substr(0, width));
}

std::string octal(unsigned long value, int digits) {
  char text[32];
  std::snprintf(text, sizeof text, "%0*lo", digits, value);
  return text;
}

std::string padded(std::string content) {
  content.resize((content.size() + kRecord - 1) / kRecord * kRecord);
  return content;
}

std::string member(const Header& header) {
  std::string record(kRecord, '\0');
  put(record, 0, 100, header.name);
  put(record, 100, 8, octal(header.mode, 7));
  put(record, 108, 8, octal(header.uid, 7));
  put(record, 116, 8, octal(header.uid, 7));
  put(record, 124, 12, octal(header.content.size(), 11));
  put(record, 136, 12, header.time.empty() ? octal(1600000000, 11) : header.time);
  put(record, 148, 8, "        ");
  record[156] = header.type;
  put(record, 157, 100, header.link);
  put(record, 257, 8, header.magic);
  if (header.type == '3' || header.type == '4') put(record, 329, 16, octal(1, 7) + std::string(1, '\0') + octal(3, 7));
  unsigned sum = 0;
  for (const char c : record) sum += static_cast<unsigned char>(c);
  put(record, 148, 8, octal(sum, 6) + std::string("\0 ", 2));
  return record + padded(header.content);
}

std::string pax(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string text;
  for (const auto& [key, value] : fields) {
    const auto body = " " + key + "=" + value + "\n";
    auto size = body.size() + 1;
    while (std::to_string(size).size() + body.size() > size) ++size;
    text += std::to_string(size) + body;
  }
  return member({.name = "PaxHeaders/x", .type = 'x', .content = text});
}

std::string archive_of(const std::string& members) { return members + std::string(2 * kRecord, '\0'); }

}  // namespace

std::vector<std::string> tar_seeds() {
  const auto dir = member({.name = "./", .type = '5', .mode = 0750});
  const auto file = member({.name = "a/b/c", .content = "content", .uid = 1000});
  const auto gnu = std::string("ustar  \0", 8);
  const auto capability = std::string("\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 20);
  return {
      archive_of(dir + file),
      archive_of(member({.name = "d", .type = '5', .mode = 02775}) + member({.name = "d/s", .content = "x", .mode = 04755})),
      archive_of(file + member({.name = "hard", .type = '1', .link = "a/b/c"}) +
                 member({.name = "soft", .type = '2', .link = "a"})),
      archive_of(member({.name = "l", .type = '2', .link = "/outside"}) + member({.name = "l/file", .content = "reached"})),
      archive_of(member({.name = "out/file", .content = "reached"}) + member({.name = "in/b/c", .content = "new"})),
      archive_of(member({.name = "../up", .content = "x"}) + member({.name = "/abs", .content = "x"})),
      archive_of(member({.name = "fifo", .type = '6'}) + member({.name = "null", .type = '3'}) +
                 member({.name = "blk", .type = '4'})),
      archive_of(member({.name = "a", .type = '5', .mode = 0}) + member({.name = "a/x", .content = "x"}) +
                 member({.name = "a", .content = "a file now"})),
      archive_of(member({.name = "././@LongLink", .type = 'L', .content = std::string(300, 'n'), .magic = gnu}) +
                 member({.name = "short", .content = "x", .magic = gnu})),
      archive_of(member({.name = "././@LongLink", .type = 'K', .content = std::string(300, 'k'), .magic = gnu}) +
                 member({.name = "link", .type = '2', .link = "short", .magic = gnu})),
      archive_of(pax({{"path", "long/" + std::string(200, 'p')}, {"mtime", "1600000000.123456789"}, {"uid", "2000000"}}) + file),
      archive_of(pax({{"SCHILY.xattr.user.note", "hello"},
                      {"SCHILY.xattr.security.capability", capability},
                      {"SCHILY.xattr.trusted.overlay.opaque", "y"}}) +
                 file),
      archive_of(pax({{"GNU.sparse.major", "1"},
                      {"GNU.sparse.minor", "0"},
                      {"GNU.sparse.name", "sparse"},
                      {"GNU.sparse.realsize", "100000"}}) +
                 member({.name = "GNUSparseFile/sparse", .content = padded("1\n90000\n4\n") + "data"})),
      archive_of(pax({{"mtime", "-9223372036854775808"}}) + file),
      archive_of(member({.name = "f", .content = "x", .time = std::string("\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", 12)})),
      archive_of(pax({{"path", std::string("nul\0in", 6)}, {"linkpath", "../../outside/file"}, {"size", "7"}}) + file),
  };
}

}  // namespace concourse::baggageclaim::fuzz
