#include "common/daemon/log_request.hpp"

#include <doctest/doctest.h>

#include <set>
#include <thread>

using namespace concourse;

TEST_CASE("log request: a scope within a scope, and then what was before") {
  CHECK(log::current_request().empty());
  {
    const log::RequestScope outer("a");
    {
      const log::RequestScope inner("b");
      CHECK(log::current_request() == "b");
      const log::RequestScope none("");
      CHECK(log::current_request().empty());
    }
    CHECK(log::current_request() == "a");
  }
  CHECK(log::current_request().empty());
}

TEST_CASE("log request: another thread has none unless it is carried there, with arguments and result") {
  const log::RequestScope scope("a");
  std::string bare = "?", carried = "?";
  int sum = 0;
  const auto add = [&](int x, int y) {
    carried = log::current_request();
    return x + y;
  };
  std::thread([&] { bare = log::current_request(); }).join();
  std::thread([&sum, work = log::in_this_request(add)]() mutable { sum = work(3, 4); }).join();
  CHECK(bare.empty());
  CHECK(carried == "a");
  CHECK(sum == 7);
}

TEST_CASE("log request: a client's id is taken if it is one, and a new one if it isn't") {
  CHECK(log::request_id_from("build-7_x.Y") == "build-7_x.Y");
  const std::string longest(64, 'x');
  CHECK(log::request_id_from(longest) == longest);
  for (const std::string bad : {"", "a b", "a\nb", "a\"b", "\xc3\xa4", "a/b", "a=b"}) {
    const auto id = log::request_id_from(bad);
    CHECK(id != bad);
    CHECK(id.size() == 12);
  }
  CHECK(log::request_id_from(longest + "x").size() == 12);
}

TEST_CASE("log request: new ids differ") {
  std::set<std::string> ids;
  for (int i = 0; i < 1000; ++i) ids.insert(log::new_request_id());
  CHECK(ids.size() == 1000);
}
