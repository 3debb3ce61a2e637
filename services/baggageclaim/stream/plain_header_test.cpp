#include "services/baggageclaim/stream/plain_header.hpp"

#include <doctest/doctest.h>

#include <string>

#include "services/baggageclaim/testing_archive.hpp"

using namespace concourse::baggageclaim;

namespace {

// What libarchive makes of the header.
void check_is_read_as(const PlainFile& file) {
  PlainHeader room;
  std::string text(plain_header(file, room));
  REQUIRE_FALSE(text.empty());
  text.resize(text.size() + file.size + tar_padding(file.size) + 1024);
  const ArchiveReader reader(archive_read_new(), archive_read_free);
  archive_read_support_format_tar(reader.get());
  REQUIRE(archive_read_open_memory(reader.get(), text.data(), text.size()) == ARCHIVE_OK);
  archive_entry* entry = nullptr;
  REQUIRE(archive_read_next_header(reader.get(), &entry) == ARCHIVE_OK);
  CHECK(archive_entry_pathname(entry) == file.path);
  CHECK(archive_entry_mode(entry) == file.mode);
  CHECK(archive_entry_uid(entry) == file.uid);
  CHECK(archive_entry_gid(entry) == file.gid);
  CHECK(static_cast<std::uint64_t>(archive_entry_size(entry)) == file.size);
  CHECK(archive_entry_mtime(entry) == file.mtime.tv_sec);
  CHECK(archive_entry_mtime_nsec(entry) == file.mtime.tv_nsec);
  CHECK(archive_read_next_header(reader.get(), &entry) == ARCHIVE_EOF);
}

bool is_for_the_library(const PlainFile& file) {
  PlainHeader room;
  return plain_header(file, room).empty();
}

}  // namespace

TEST_CASE("plain header: read as it was meant, to the limits of its fields") {
  const mode_t mode = S_IFREG | 06755;
  check_is_read_as({.path = "./f", .mode = mode});
  check_is_read_as(
      {.path = "./f", .mode = mode, .uid = 07777777, .gid = 07777777, .size = 4097, .mtime = {077777777777, 999'999'999}});
  check_is_read_as({.path = "./f", .mode = mode, .mtime = {0, 1}});
  check_is_read_as({.path = "./f", .mode = mode, .mtime = {1'600'000'000, 120'000'000}});
}

TEST_CASE("plain header: long paths are parted at a slash") {
  const auto path = [](std::size_t directory, std::size_t name) {
    return std::string(directory, 'd') + "/" + std::string(name, 'n');
  };
  const auto file = [](const std::string& of) { return PlainFile{.path = of, .mode = S_IFREG | 0644}; };
  for (const auto& good : {std::string(100, 'n'), path(50, 49), path(1, 99), path(1, 100), path(155, 100), path(155, 1)})
    check_is_read_as(file(good));
  for (const auto& bad : {std::string(101, 'n'), path(1, 101), path(156, 1), path(155, 101), path(0, 100)})
    CHECK(is_for_the_library(file(bad)));
}

TEST_CASE("plain header: what it can't say is for the library") {
  CHECK(is_for_the_library({.path = "ä"}));
  CHECK(is_for_the_library({.path = "a\nb"}));
  CHECK(is_for_the_library({.path = "f", .uid = 010000000}));
  CHECK(is_for_the_library({.path = "f", .gid = 010000000}));
  CHECK(is_for_the_library({.path = "f", .size = 0100000000000}));
  CHECK(is_for_the_library({.path = "f", .mtime = {-1, 0}}));
  CHECK(is_for_the_library({.path = "f", .mtime = {0100000000000, 0}}));
}
