// Headers written and read back, archives of other programs' kinds, and archives made to grow memory.
#include <doctest/doctest.h>

#include <algorithm>

#include "common/tar/reader.hpp"
#include "common/tar/writer.hpp"

using namespace concourse::tar;

namespace {

std::string padded(std::string text) { return text.append(padding(text.size()), '\0'); }

struct Read {
  Member member;
  std::string content;  // holes as dots
};

std::vector<Read> read_all(const std::string& archive, const Budgets& budgets = {}, std::size_t piece = 700) {
  std::size_t at = 0;
  Reader reader(
      [&] {
        const auto n = std::min(piece, archive.size() - at);
        at += n;
        return std::string_view(archive).substr(at - n, n);
      },
      budgets);
  std::vector<Read> all;
  for (Read one; reader.next(one.member);) {
    one.content.assign(std::min<std::uint64_t>(one.member.size, 100'000), '.');
    for (auto got = reader.content(); !got.bytes.empty(); got = reader.content())
      one.content.replace(got.at, got.bytes.size(), got.bytes);
    all.push_back(one);
  }
  return all;
}

Member sample() {
  Member member;
  member.path = "a/file";
  member.mode = 04751;
  member.uid = 1000;
  member.gid = 7;
  member.mtime = {1'600'000'000, 0};
  return member;
}

void check_same(const Member& want, const Member& got) {
  CHECK(want.kind == got.kind);
  CHECK((want.path == got.path));
  CHECK((want.link == got.link));
  CHECK(want.mode == got.mode);
  CHECK(want.uid == got.uid);
  CHECK(want.gid == got.gid);
  CHECK(want.size == got.size);
  CHECK(want.mtime.tv_sec == got.mtime.tv_sec);
  CHECK(want.mtime.tv_nsec == got.mtime.tv_nsec);
  CHECK((want.attributes == got.attributes));
}

Member back(const Member& member) {
  const auto all = read_all(header_of(member) + padded(std::string(member.size, 'x')));
  REQUIRE(all.size() == 1);
  return all[0].member;
}

std::string raw(char type, const std::string& content, std::int64_t size = -1) {
  Header header{};
  header.type = type;
  header.name[0] = 'n';
  put_number(header.size, size < 0 ? static_cast<std::int64_t>(content.size()) : size);
  put_checksum(header);
  return std::string(reinterpret_cast<const char*>(&header), sizeof header) + padded(content);
}

}  // namespace

TEST_CASE("tar headers: what is written is read") {
  auto member = sample();
  check_same(member, back(member));
  for (const std::size_t size : {99u, 100u, 101u, 155u, 156u, 255u, 256u, 257u, 5000u, 60'000u})
    for (const char* shape : {"n", "d/", "\xff"}) {
      member.path.clear();
      while (member.path.size() < size) member.path += shape;
      member.path.resize(size, 'e');
      if (member.path.ends_with('/')) member.path.back() = 'e';
      check_same(member, back(member));
    }
  member = sample();
  member.uid = 4294967294;
  member.gid = 2097152;
  for (const timespec time :
       {timespec{0, 1}, {-1, 0}, {-1, 1}, {-2, 999'999'999}, {1LL << 40, 5}, {-(1LL << 40), 0}, {-5, 500'000'000}}) {
    member.mtime = time;
    check_same(member, back(member));
  }
  member.attributes = {{"user.a=b%", std::string("v\0\n=", 4)}, {"user.c", ""}, {"user.long", std::string(60'000, 'l')}};
  member.attributes[1].second = "x";
  check_same(member, back(member));
  member = sample();
  member.kind = Kind::symbolic_link;
  for (const std::size_t size : {1u, 99u, 100u, 101u, 4095u}) {
    member.link.assign(size, 'l');
    check_same(member, back(member));
  }
}

TEST_CASE("tar headers: a size beyond eight GiB") {
  auto member = sample();
  member.size = 1ull << 44;
  std::size_t calls = 0;
  const auto header = header_of(member);
  Reader reader([&] { return calls++ == 0 ? std::string_view(header) : std::string_view(); });
  Member got;
  REQUIRE(reader.next(got));
  CHECK(got.size == member.size);
  CHECK_THROWS_AS(reader.content(), BadArchive);
}

TEST_CASE("tar headers: holes are named and cost nothing") {
  auto member = sample();
  member.size = 50'000;
  const auto check = [&](const std::vector<Extent>& extents) {
    std::string archive = sparse_header_of(member, extents), want(member.size, '.');
    std::uint64_t size = 0;
    const auto add = [&](std::string_view text) { archive += text, size += text.size(); };
    write_map(member, extents, add);
    for (const auto& extent : extents) {
      add(std::string(extent.size, 'd'));
      want.replace(extent.at, extent.size, std::string(extent.size, 'd'));
    }
    CHECK(size == sparse_size(member, extents));
    archive.append(padding(size), '\0');
    for (const std::size_t piece : {512u, 700u, 100'000u}) {
      const auto all = read_all(archive + header_of(sample()), {}, piece);
      REQUIRE(all.size() == 2);
      check_same(member, all[0].member);
      CHECK((all[0].content == want));
    }
  };
  check({});
  check({{0, 1}});
  check({{49'999, 1}});
  check({{0, 10'000}, {20'000, 5}, {40'000, 10'000}});
  std::vector<Extent> many;
  for (std::uint64_t at = 0; at < 49'000; at += 10) many.push_back({at, 3});
  check(many);
}

TEST_CASE("tar times: decimal fractions, rounded down, before 1970 too") {
  const auto is = [](const char* text, time_t seconds, long nanoseconds) {
    const auto time = parse_time(text);
    CHECK_MESSAGE(time.tv_sec == seconds, text);
    CHECK_MESSAGE(time.tv_nsec == nanoseconds, text);
  };
  is("0", 0, 0);
  is("1.5", 1, 500'000'000);
  is("1.", 1, 0);
  is("-1", -1, 0);
  is("-1.5", -2, 500'000'000);
  is("-0.000000001", -1, 999'999'999);
  is("-0.0000000001", -1, 999'999'999);
  is("7.1234567899", 7, 123'456'789);
  for (const char* bad :
       {"", "-", ".5", "1e5", "1.5x", "99999999999999999999", "9223372036854775807", "-9223372036854775808", "+1"})
    CHECK_THROWS_AS_MESSAGE(parse_time(bad), BadArchive, bad);
}

TEST_CASE("tar reader: nothing, zeros, no end and what follows the end are all right; damage isn't") {
  CHECK(read_all("").empty());
  CHECK(read_all(std::string(1024, '\0')).empty());
  const auto one = header_of(sample());
  CHECK(read_all(one).size() == 1);
  CHECK(read_all(one + std::string(512, '\0') + "whatever follows").size() == 1);
  CHECK_THROWS_AS(read_all(one + one.substr(0, 100)), BadArchive);
  auto damaged = one;
  damaged[0] ^= 1;
  CHECK_THROWS_AS(read_all(damaged), BadArchive);
  auto big = sample();
  big.size = 2000;
  CHECK_THROWS_AS(read_all(header_of(big) + std::string(1999, 'x')), BadArchive);
  for (const char* records : {"5 a=\n", "6 a=b", "x a=b\n", "99999999999999999999 a=b\n", "3 =\n", "6 abcd\n", "12 mtime=x1\n"})
    CHECK_THROWS_AS_MESSAGE(read_all(raw('x', std::string(records) + (records[0] == '5' ? "x" : ""))), BadArchive, records);
}

TEST_CASE("tar reader: each budget ends what exceeds it with its reason") {
  const auto reason = [](const std::string& archive, const Budgets& budgets = {}) -> std::string {
    try {
      read_all(archive, budgets);
    } catch (const BadArchive& e) {
      return e.what();
    }
    return "";
  };
  // Sizes are looked at before there is room for them.
  CHECK(reason(raw('x', "", 1LL << 40)) == "an extended header is longer than 4194304 bytes");
  CHECK(reason(raw('g', "", 1LL << 40)) == "an extended header is longer than 4194304 bytes");
  CHECK(reason(raw('L', "", 1LL << 40)) == "a member's path is longer than 65537 bytes");
  CHECK(reason(raw('K', "", 1LL << 40)) == "a link's target is longer than 65537 bytes");
  std::string path;
  add_record(path, "path", std::string(70'000, 'p'));
  CHECK(reason(raw('x', path) + header_of(sample())) == "a member's path is longer than 65536 bytes");
  std::string attributes;
  for (int i = 0; i < 5000; ++i) add_record(attributes, "SCHILY.xattr.user." + std::to_string(i), "v");
  CHECK(reason(raw('x', attributes) + header_of(sample())) == "an extended header has more than 4096 attributes");
  std::string map("GNU.sparse.map");
  std::string numbers = "0,0";
  for (int i = 1; i < 200; ++i) numbers += ",0,0";
  std::string records;
  add_record(records, map, numbers);
  CHECK(reason(raw('x', records) + header_of(sample()), {.extents = 100}) == "a file with holes has more than 100 parts");
  CHECK(reason(raw('x', records) + header_of(sample())).empty());

  // GNU's old list of parts goes on from block to block.
  Header header{};
  header.type = 'S';
  header.name[0] = 'n';
  auto* bytes = reinterpret_cast<char*>(&header);
  put_number(bytes + 483, 12, 1000);
  bytes[482] = 1;
  put_checksum(header);
  std::string old(bytes, sizeof header), block(512, '\0');
  for (std::size_t i = 0; i < 21; ++i) {
    put_number(block.data() + 24 * i, 12, 0);
    put_number(block.data() + 24 * i + 12, 12, 0);
  }
  block[504] = 1;
  for (int i = 0; i < 10; ++i) old += block;
  CHECK(reason(old, {.extents = 100}) == "a file with holes has more than 100 parts");
  block.assign(512, '\0');
  block[504] = 1;
  CHECK(reason(std::string(bytes, sizeof header) + block) == "a file with holes has an empty list of parts");
}

TEST_CASE("tar reader: lists of parts that lie are refused") {
  const auto sparse = [](const std::string& map, const std::string& size) {
    std::string records;
    add_record(records, "GNU.sparse.major", "1");
    add_record(records, "GNU.sparse.minor", "0");
    add_record(records, "GNU.sparse.name", "f");
    add_record(records, "GNU.sparse.realsize", size);
    auto member = sample();
    auto content = padded(map) + "data";
    member.size = content.size();
    return raw('x', records) + header_of(member) + padded(content);
  };
  const auto good = read_all(sparse("1\n90\n4\n", "100"));
  REQUIRE(good.size() == 1);
  CHECK(good[0].content == std::string(90, '.') + "data" + std::string(6, '.'));
  CHECK((good[0].member.path == "f"));
  for (const char* map : {"2\n90\n4\n90\n4\n", "1\n97\n4\n", "1\n0\n90\n", "1\n9223372036854775807\n4\n", "2\n50\n2\n10\n2\n",
                          "1\n-1\n4\n", "9\n1\n", "\n", "99999999999999999999\n", "1\n18446744073709551615\n4\n"})
    CHECK_THROWS_AS_MESSAGE(read_all(sparse(map, "100")), BadArchive, map);
  CHECK_THROWS_AS(read_all(sparse("1\n90\n4\n", "-1")), BadArchive);
}
