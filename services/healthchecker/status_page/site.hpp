// The status page as main() has it: samples while it lives, renders when asked.
#pragma once

#include <functional>

#include "common/http/message.hpp"
#include "services/healthchecker/status_page/history.hpp"

namespace concourse::healthchecker::status_page {

class Site {
 public:
  using Look = std::function<Statements(Duration limit)>;  // asks all services, the own one included; any thread
  using Judge = std::function<Json(const Statements&)>;    // readiness(); may throw Error

  Site(Look look, Judge judge);

  // Any thread. Blocks as long as `look` and `judge` do.
  void answer(http::Reply& reply) const;
  // Ends the sampling soon.
  void stop() { sampler_.stop(); }

 private:
  const Look look_;
  const Judge judge_;
  History history_;
  Sampler sampler_;
};

}  // namespace concourse::healthchecker::status_page
