// concourse-healthcheck: tells load balancers and people whether the worker's two servers work. See README.md.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <optional>

#include "common/config/parser.hpp"
#include "common/daemon/daemon.hpp"
#include "common/daemon/log.hpp"
#include "common/http/server.hpp"
#include "common/protocol/paths.hpp"
#include "common/version.hpp"
#include "services/healthchecker/checker.hpp"
#include "services/healthchecker/metrics/collect.hpp"
#include "services/healthchecker/metrics/definitions.hpp"
#include "services/healthchecker/options.hpp"
#include "services/healthchecker/readiness.hpp"
#include "services/healthchecker/status_page/site.hpp"

using namespace concourse;

namespace {

constexpr auto kMetricsLimit = std::chrono::seconds(2);  // for the services' answers
constexpr std::size_t kMostConnections = 64;             // served at a time; each waits for a check at most

struct Counts {
  std::atomic<std::uint64_t> checks = 0, failures = 0;
  const std::int64_t start_time = std::time(nullptr);
};

// All services asked anew; the healthcheck speaks for itself.
healthchecker::Statements ask_all(const std::filesystem::path& runtime_dir, std::vector<std::string> services, const Counts& counts,
                                  Duration limit) {
  services.emplace_back("supervisor");
  auto statements = healthchecker::ask_services(runtime_dir, services, Deadline::in(limit));
  statements["healthcheck"].answer = {
      {"version", kVersion}, {"start_time", counts.start_time}, {"pid", ::getpid()},
      {"state", "ready"},    {"checks", counts.checks.load()},  {"failed_checks", counts.failures.load()}};
  return statements;
}

std::string metrics_page(const std::filesystem::path& runtime_dir, const Counts& counts) {
  const auto start = Clock::now();
  const auto statements = ask_all(runtime_dir, {"garden", "baggageclaim", "beacon"}, counts, kMetricsLimit);
  healthchecker::metrics::Page page;
  healthchecker::metrics::add_services(page, statements);
  healthchecker::metrics::add_machine(page);
  page.add("concourse_worker_healthchecks_total", static_cast<double>(counts.checks));
  page.add("concourse_worker_healthchecks_failed_total", static_cast<double>(counts.failures));
  page.add("concourse_worker_scrape_seconds", std::chrono::duration<double>(Clock::now() - start).count());
  return page.text();
}

void serve(daemon::Context& ctx) {
  const auto values = config::parse(healthchecker::program(), ctx.arguments(), config::current_environment());
  if (values.flag("describe-metrics")) {
    std::fputs(healthchecker::metrics::document().c_str(), stdout);
    return;
  }
  ctx.checked(values);
  ctx.start("healthcheck", values, protocol::control_socket(values.text("runtime-dir"), "healthcheck"));

  auto listener = ctx.listeners().take_tcp("healthcheck", values.text("healthcheck-bind-ip"), values.port("healthcheck-bind-port"));
  const UniqueFd lent(fcntl(listener.get(), F_DUPFD_CLOEXEC, 0));
  ctx.lend("healthcheck", lent.get());

  healthchecker::Checker checker({healthchecker::garden_target(values), healthchecker::baggageclaim_target(values)},
                                 values.duration("healthcheck-timeout"));
  Counts counts;
  const auto answer = [&](http::Request&, http::Reply& reply) {
    const auto report = checker.check();
    ++counts.checks;
    if (healthchecker::healthy(report)) return;  // 200 with an empty body, as the manual promises
    ++counts.failures;
    reply.json(healthchecker::to_json(report), 503);
  };
  const std::filesystem::path runtime_dir = values.text("runtime-dir");
  std::vector<std::string> services{"baggageclaim", "beacon"};
  if (values.text("external-garden-url").empty()) services.emplace_back("garden");
  const auto timeout = values.duration("healthcheck-timeout");
  const auto reply_verdict = [](const Json& verdict, const char* name, http::Reply& reply) {
    reply.json(dump_json(verdict), bool_field(verdict, name) ? 200 : 503);
  };
  const auto live = [&](http::Request&, http::Reply& reply) {
    reply_verdict(
        healthchecker::liveness(healthchecker::ask_services(runtime_dir, services, Deadline::in(timeout, "--healthcheck-timeout"))),
        "live", reply);
  };
  const auto ready = [&](http::Request&, http::Reply& reply) {
    const auto statements = healthchecker::ask_services(runtime_dir, services, Deadline::in(timeout, "--healthcheck-timeout"));
    reply_verdict(healthchecker::readiness(statements, checker.check()), "ready", reply);
  };
  const auto metrics = [&](http::Request&, http::Reply& reply) {
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply.body = metrics_page(runtime_dir, counts);
  };
  std::optional<healthchecker::status_page::Site> site;
  if (values.flag("healthcheck-status-page"))
    site.emplace([&](Duration limit) { return ask_all(runtime_dir, services, counts, limit); },
                 [&](const auto& statements) { return healthchecker::readiness(statements, checker.check()); });
  const auto status_page = [&](http::Request&, http::Reply& reply) {
    if (site) return site->answer(reply);
    reply.status = 404;
    reply.body = "the status page is off; --healthcheck-status-page turns it on\n";
  };
  http::Server server({{"GET", "/metrics", metrics},
                       {"*", "/live", live},
                       {"*", "/ready", ready},
                       {"*", "/status", status_page},
                       {"*", "*", answer}},
                      [](const Error& error, const http::Request&, http::Reply& reply) {
                        reply.status = 400;
                        reply.body = std::string(error.what()) + "\n";
                      },
                      {.max_workers = kMostConnections});
  server.add_listener(std::move(listener));
  server.start();
  ctx.on_status([&](Json& status) {
    status.update({{"checks", counts.checks.load()}, {"failed_checks", counts.failures.load()}, {"waiting", checker.waiting()}});
  });
  ctx.ready();
  ctx.serve([&] {
    if (site) site->stop();  // while the requests end
    ctx.finish();
  });
  server.stop(Deadline::in(std::chrono::milliseconds(500)));
}

}  // namespace

int main(int argc, char** argv) { return daemon::run("concourse-healthcheck", argc, argv, serve); }
