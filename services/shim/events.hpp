// What has happened in the container, for Garden to log: a shim has no log of its own that outlives the container. Kept here until
// Garden has said that it is written, so that nothing is missed while Garden is restarted.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <string_view>

#include "common/base/json.hpp"

namespace concourse::shim {

class Events {
 public:
  static constexpr std::size_t kMost = 1000;  // while Garden is away; then the oldest are lost, and counted

  // Takes {"events":[…],"lost":N} (common/protocol/shim.hpp).
  using Listener = std::function<void(Json told)>;

  // `fields` besides number, time and name. Nothing secret: no arguments, no environment.
  void add(std::string_view name, Json fields);

  // Forgets the events up to that number and hands out those behind it: now, or as soon as there is one. Of two that wait, the
  // later counts, and the other gets an empty list.
  void listen(std::uint64_t after, Listener listener);

  // Those that nobody has confirmed.
  Json unconfirmed() const;

 private:
  std::uint64_t next_ = 1, lost_ = 0;
  std::deque<Json> kept_;
  Listener waiting_;
};

}  // namespace concourse::shim
