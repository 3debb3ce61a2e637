#include "services/beacon/farewell.hpp"

#include "common/base/error.hpp"
#include "services/beacon/sweeper.hpp"

namespace concourse::beacon {

namespace {

constexpr auto kFarewellLimit = std::chrono::seconds(30);
constexpr auto kOneLimit = std::chrono::seconds(10);

}  // namespace

std::size_t destroy_all_containers(const LocalTarget& garden) {
  const auto deadline = Deadline::in(kFarewellLimit);
  const auto kind = container_sweep();
  const auto handles = list_handles(garden, kind, kOneLimit);
  for (const auto& handle : handles) {
    if (deadline.passed()) throw Error(ErrorKind::timeout, "container '" + handle + "' and others are still there");
    try {
      destroy(garden, kind, handle, kOneLimit);
    } catch (const Error& e) {
      throw with_context("container '" + handle + "'", e);
    }
  }
  return handles.size();
}

}  // namespace concourse::beacon
