#include "services/shim/events.hpp"

#include <ctime>
#include <utility>

namespace concourse::shim {

namespace {

std::int64_t unix_nanoseconds() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

void Events::add(std::string_view name, Json fields) {
  if (kept_.size() == kMost) kept_.pop_front(), ++lost_;
  fields["number"] = next_++;
  fields["time"] = unix_nanoseconds();
  fields["event"] = name;
  kept_.push_back(std::move(fields));
  if (const auto listener = std::exchange(waiting_, nullptr)) listener(unconfirmed());
}

void Events::listen(std::uint64_t after, Listener listener) {
  if (const auto other = std::exchange(waiting_, nullptr)) other({{"events", Json::array()}, {"lost", 0}});
  while (!kept_.empty() && uint_field(kept_.front(), "number") <= after) kept_.pop_front(), lost_ = 0;
  if (kept_.empty()) waiting_ = std::move(listener);
  else listener(unconfirmed());
}

Json Events::unconfirmed() const { return {{"events", Json(kept_)}, {"lost", lost_}}; }

}  // namespace concourse::shim
