#include "services/beacon/farewell.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/http/client.hpp"
#include "services/beacon/sweeper.hpp"

namespace concourse::beacon {

namespace {

constexpr auto kFarewellLimit = std::chrono::seconds(30);
constexpr auto kOneLimit = std::chrono::seconds(10);

Json list_of(const LocalTarget& garden) {
  const auto answer = http::call({garden.text()}, "GET", "/containers", kOneLimit);
  if (answer.status != 200) throw Error(ErrorKind::unavailable, "Garden answered with status " + std::to_string(answer.status));
  return parse_json(answer.body);
}

}  // namespace

std::size_t destroy_all_containers(const LocalTarget& garden) {
  const auto deadline = Deadline::in(kFarewellLimit);
  const auto handles = container_sweep().handles_of(list_of(garden));
  for (const auto& handle : handles) {
    if (deadline.passed()) throw Error(ErrorKind::timeout, "container '" + handle + "' and others are still there");
    const auto answer = http::call({garden.text()}, "DELETE", "/containers/" + percent_encode(handle), kOneLimit);
    if (answer.status != 200 && answer.status != 404)
      throw Error(ErrorKind::internal, "container '" + handle + "': " + std::string(trim(answer.body.substr(0, 300))));
  }
  return handles.size();
}

}  // namespace concourse::beacon
