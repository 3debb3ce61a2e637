// /status: what `concourse-workerctl status` says, as one page for people that needs nothing from anywhere else: no script, no
// font, no picture that isn't in it.
#pragma once

#include <string>
#include <vector>

#include "services/healthchecker/statements.hpp"
#include "services/healthchecker/status_page/history.hpp"
#include "services/healthchecker/status_page/html.hpp"

namespace concourse::healthchecker::status_page {

// All that a page is made of. Pure data: what is rendered depends on nothing else.
struct View {
  Statements statements;        // those that were asked, with "supervisor" and "healthcheck"
  Json readiness;               // readiness.hpp
  std::vector<Sample> samples;  // History::samples()
  Clock::time_point now;
  std::int64_t unix_now = 0;  // seconds
};

// `nonce` allows the page's own style and no other: the answer must have content_security_policy() of the same.
std::string render(const View& view, const std::string& nonce);
std::string content_security_policy(const std::string& nonce);

// Parts of the page.
Html tiles(const View& view);
Html service_list(const View& view);
Html facts(const View& view);
Html last_errors(const View& view);

}  // namespace concourse::healthchecker::status_page
