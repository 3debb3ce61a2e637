#include "services/ctl/process/text_input.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::ctl;

TEST_CASE("input: characters that were cut apart are put together") {
  const std::string all = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z";
  for (std::size_t cut = 0; cut <= all.size(); ++cut) {
    TextInput input(/*tolerant=*/false);
    auto whole = input.take(all.substr(0, cut));
    whole += input.take(all.substr(cut));
    CHECK(whole == all);
    CHECK(input.rest().empty());
  }
  TextInput bytewise(/*tolerant=*/false);
  std::string text;
  for (const char c : all) text += bytewise.take(std::string(1, c));
  CHECK(text == all);
}

TEST_CASE("input: what is no text is refused, or replaced where somebody types") {
  // A stray byte, an overlong slash, a surrogate, one beyond the last, a beginning without its end.
  for (const char* bad : {"\x80", "\xc0\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "\xe2\x82z"}) {
    CHECK_THROWS_WITH_AS(TextInput(false).take(bad), doctest::Contains("is not text"), Error);
    const auto shown = TextInput(true).take(bad);
    CHECK(shown.find("\xef\xbf\xbd") == 0);
  }
  TextInput tolerant(true);
  CHECK(tolerant.take("\xe2\x82z") == "\xef\xbf\xbdz");
  CHECK(tolerant.take("\xe2").empty());
  CHECK(tolerant.rest() == "\xef\xbf\xbd");
  TextInput strict(false);
  CHECK(strict.take("\xe2").empty());
  CHECK_THROWS_AS(strict.rest(), Error);
}
