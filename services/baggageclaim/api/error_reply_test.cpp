#include "services/baggageclaim/api/error_reply.hpp"

#include <doctest/doctest.h>

#include <cerrno>

#include "common/protocol/baggageclaim.hpp"

using namespace concourse;
using namespace concourse::baggageclaim;
namespace api = concourse::protocol::baggageclaim;

TEST_CASE("error reply: the route's text, the error's status") {
  CHECK(tell(no_such_volume("h"), "GET", api::kVolume).status == 404);
  CHECK(tell(no_such_volume("h"), "GET", api::kVolume).message == "failed to get volume");
  CHECK(tell(bad_archive("x"), "PUT", api::kStreamIn).status == 400);
  CHECK(tell(unprocessable("x"), "POST", api::kVolumes).status == 422);
  CHECK(tell(Error(ErrorKind::conflict, "secret detail"), "POST", api::kVolumes).status == 500);
  CHECK(tell(Error(ErrorKind::conflict, "secret detail"), "POST", api::kVolumes).message == "failed to create volume");
  CHECK(tell(Error(ErrorKind::internal, "the cause"), "POST", api::kCleanupOrphans).message == "the cause");
}

TEST_CASE("error reply: own texts, malformed requests, full disks") {
  CHECK(tell(ClientError(404, "no such file or directory", "x"), "PUT", api::kStreamOut).message == "no such file or directory");
  CHECK(tell(Error(ErrorKind::invalid, "bad framing"), "PUT", "").status == 400);
  const auto full = tell(SysError("write 'x'", ENOSPC), "PUT", api::kStreamIn);
  CHECK(full.status == 500);
  CHECK(full.message == "failed to stream in to volume: write 'x': No space left on device");
}
