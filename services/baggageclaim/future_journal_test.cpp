#include "services/baggageclaim/future_journal.hpp"

#include <doctest/doctest.h>

#include "common/daemon/log_request.hpp"
#include "common/os/file.hpp"
#include "common/testing/temp_dir.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;

TEST_CASE("future journal: what is kept is read by the next, what is dropped isn't, rubbish is removed") {
  const concourse::testing::TempDir temp;
  const auto dir = temp.path / "futures";
  protocol::baggageclaim::VolumeRequest request;
  request.handle = "h";
  request.strategy = parse_json(R"({"type":"cow","volume":"p"})");
  request.properties = protocol::baggageclaim::Properties{{"a", "b"}};
  request.privileged = true;
  request.uid = 7;
  {
    const log::RequestScope scope("asked-by-me");
    FutureJournal(dir).keep(request);
  }
  os::replace_file(dir / "rubbish", "{");
  os::replace_file(dir / "other", R"({"handle":"h"})");

  FutureJournal next(dir);
  const auto kept = next.kept();
  REQUIRE(kept.size() == 1);
  CHECK(kept[0].request.handle == "h");
  CHECK(kept[0].request.strategy == request.strategy);
  CHECK(kept[0].request.properties == request.properties);
  CHECK(kept[0].request.privileged);
  CHECK(kept[0].request.uid == 7);
  CHECK(kept[0].request_id == "asked-by-me");
  CHECK_FALSE(kept[0].request.gid);
  CHECK(os::list_directory(dir) == std::vector<std::string>{"h"});
  next.drop("h");
  CHECK(next.kept().empty());
}

TEST_CASE("future journal: without a directory nothing is kept") {
  FutureJournal none{fs::path()};
  protocol::baggageclaim::VolumeRequest request;
  request.handle = "h";
  none.keep(request);
  CHECK(none.kept().empty());
}
