#include "services/healthchecker/status_page/site.hpp"

#include <ctime>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "services/healthchecker/status_page/page.hpp"

namespace concourse::healthchecker::status_page {

namespace {

constexpr auto kPageLimit = std::chrono::seconds(2);
// Less than a supervisor waits for our own end. A service that is slower leaves a gap in the graphs.
constexpr auto kSampleLimit = std::chrono::milliseconds(500);

}  // namespace

Site::Site(Look look, Judge judge)
    : look_(std::move(look)), judge_(std::move(judge)), sampler_(history_, [this] { return look_(kSampleLimit); }) {}

void Site::answer(http::Reply& reply) const {
  View view{.statements = look_(kPageLimit)};
  try {
    view.readiness = judge_(view.statements);
  } catch (const std::exception& e) {  // what a service of another version says may be of no use
    view.readiness = {{"error", e.what()}};
  }
  view.samples = history_.samples();
  view.now = Clock::now();
  view.samples.push_back(sample_of(view.statements, view.now));  // graphs end with what the numbers beside them say
  view.unix_now = std::time(nullptr);
  const auto nonce = random_hex(16);
  reply.content_type = "text/html; charset=utf-8";
  reply.headers = {{"Content-Security-Policy", content_security_policy(nonce)},
                   {"Cache-Control", "no-store"},
                   {"Referrer-Policy", "no-referrer"},
                   {"X-Content-Type-Options", "nosniff"},
                   {"X-Frame-Options", "DENY"}};
  reply.body = render(view, nonce);
}

}  // namespace concourse::healthchecker::status_page
