#include "services/baggageclaim/stream/encoding.hpp"

#include "common/base/error.hpp"
#include "services/baggageclaim/testing.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
using namespace concourse::baggageclaim::testing;

namespace {

constexpr Encoding kAll[] = {Encoding::raw, Encoding::gzip, Encoding::zstd, Encoding::s2};
constexpr Encoding kChecked[] = {Encoding::gzip, Encoding::zstd, Encoding::s2};  // those that can tell a damaged stream

// Runs, noise and text in turn, so that every kind of block is made.
std::string sample(std::size_t size) {
  std::string text;
  std::uint32_t state = 12345;
  while (text.size() < size) {
    state = state * 1664525 + 1013904223;
    switch (state >> 30) {
      case 0: text.append(state >> 20 & 1023, static_cast<char>(state >> 8)); break;
      case 1: text += "the quick brown fox jumps over the lazy dog " + std::to_string(state); break;
      default:
        for (int i = 0; i < 300; ++i) text += static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
    }
  }
  text.resize(size);
  return text;
}

std::string encoded(Encoding encoding, const std::string& text, std::size_t piece = 100'000) {
  StringSink sink;
  const auto encoder = make_encoder(encoding, sink);
  for (std::size_t at = 0; at < text.size(); at += piece) encoder->write(std::string_view(text).substr(at, piece));
  encoder->finish();
  CHECK(sink.finished);
  return sink.text;
}

std::string decoded(Encoding encoding, const std::string& bytes, std::size_t in = SIZE_MAX, std::size_t out = 70'000) {
  StringSource source(bytes, in);
  const auto decoder = make_decoder(encoding, source);
  return drain(*decoder, out);
}

}  // namespace

TEST_CASE("encoding: names are exact") {
  for (const auto encoding : kAll) CHECK(parse_encoding(name_of(encoding)) == encoding);
  for (const char* bad : {"", "GZIP", "gzip, zstd", "gzip;q=1", "identity", " gzip"}) CHECK_FALSE(parse_encoding(bad));
}

TEST_CASE("encoding: what is encoded comes back, whatever the sizes of the pieces") {
  for (const auto encoding : kAll)
    for (const std::size_t size : {0u, 1u, 511u, 65536u, 65537u, 3'000'000u}) {
      const auto text = sample(size);
      const auto bytes = encoded(encoding, text, 33'333);
      CHECK_MESSAGE(decoded(encoding, bytes) == text, name_of(encoding) << " " << size);
      CHECK_MESSAGE(decoded(encoding, bytes, 1000, 4096) == text, name_of(encoding) << " " << size << " in small pieces");
      if (size > 1000 && encoding != Encoding::raw) CHECK(bytes.size() < size);
    }
  for (const auto encoding : kAll) CHECK(decoded(encoding, encoded(encoding, "hello", 1), 1, 1) == "hello");
}

TEST_CASE("encoding: a stream that is cut off anywhere is an error, never a shorter success") {
  const auto text = sample(200'000);
  for (const auto encoding : kChecked) {
    const auto whole = encoded(encoding, text);
    for (std::size_t keep = 0; keep < whole.size(); keep += keep < 64 || keep + 64 > whole.size() ? 1 : whole.size() / 37) {
      // S2 has no end mark: cut between two chunks it is a whole, shorter stream.
      std::string got;
      bool failed = false;
      try {
        got = decoded(encoding, whole.substr(0, keep));
      } catch (const Error&) {
        failed = true;
      }
      if (encoding == Encoding::s2) CHECK_MESSAGE((failed || (text.starts_with(got) && got.size() % 65536 == 0)), keep);
      else CHECK_MESSAGE(failed, name_of(encoding) << " cut at " << keep);
    }
  }
}

TEST_CASE("encoding: damage is noticed") {
  const auto text = sample(150'000);
  for (const auto encoding : kChecked) {
    const auto whole = encoded(encoding, text);
    int silent = 0;
    for (std::size_t at = 20; at < whole.size(); at += whole.size() / 101) {
      auto bytes = whole;
      bytes[at] = static_cast<char>(bytes[at] ^ 0x41);
      try {
        silent += decoded(encoding, bytes) != text;
      } catch (const Error&) {
      }
    }
    CHECK_MESSAGE(silent == 0, name_of(encoding));
  }
}

TEST_CASE("encoding: what follows the end is refused, unless it is another stream of the kind") {
  const auto text = sample(100'000);
  for (const auto encoding : kChecked) {
    const auto whole = encoded(encoding, text);
    CHECK_MESSAGE(decoded(encoding, whole + whole) == text + text, name_of(encoding));
    CHECK_THROWS_AS_MESSAGE(decoded(encoding, whole + "{\"error\":\"x\"}\n"), Error, name_of(encoding));
  }
}

TEST_CASE("encoding: zeros behind the end fill up a tape block, and anything behind them is garbage") {
  const auto text = sample(100'000);
  for (const auto encoding : kChecked) {
    const auto whole = encoded(encoding, text);
    for (const std::size_t zeros : {1u, 2u, 3u, 4u, 5u, 10'240u, 1'000'000u})
      for (const std::size_t piece : {1'000u, 10'000'000u})
        CHECK_MESSAGE(decoded(encoding, whole + std::string(zeros, '\0'), piece) == text, name_of(encoding) << " " << zeros);
    for (const std::size_t zeros : {1u, 4u, 512u}) {
      CHECK_THROWS_AS_MESSAGE(decoded(encoding, whole + std::string(zeros, '\0') + "x"), Error, name_of(encoding));
      CHECK_THROWS_AS_MESSAGE(decoded(encoding, whole + std::string(zeros, '\0') + whole), Error, name_of(encoding));
    }
  }
}

TEST_CASE("encoding: garbage and nothing are errors") {
  for (const auto encoding : kChecked) {
    CHECK_THROWS_AS_MESSAGE(decoded(encoding, ""), Error, name_of(encoding));
    CHECK_THROWS_AS_MESSAGE(decoded(encoding, "not encoded at all, just text"), Error, name_of(encoding));
    CHECK_THROWS_AS_MESSAGE(decoded(encoding, std::string(100, '\0')), Error, name_of(encoding));
  }
}
