#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "services/healthchecker/metrics/collect.hpp"
#include "services/healthchecker/metrics/definitions.hpp"

using namespace concourse;
using namespace concourse::healthchecker::metrics;

TEST_CASE("metrics: a page has help and type once, samples below, labels escaped") {
  Page page;
  page.add("concourse_worker_service_up", 1, {{"service", "a\"b\\c\nd"}});
  page.add("concourse_worker_service_up", 0, {{"service", "x"}});
  page.add("concourse_worker_containers", 12345678901);
  CHECK(page.text() ==
        "# HELP concourse_worker_service_up Whether a service answers on its control socket.\n"
        "# TYPE concourse_worker_service_up gauge\n"
        "concourse_worker_service_up{service=\"a\\\"b\\\\c\\nd\"} 1\n"
        "concourse_worker_service_up{service=\"x\"} 0\n"
        "# HELP concourse_worker_containers Containers that Garden has.\n"
        "# TYPE concourse_worker_containers gauge\n"
        "concourse_worker_containers 12345678901\n");
  CHECK_THROWS_AS(page.add("concourse_worker_nonsense", 1), std::logic_error);
}

TEST_CASE("metrics: a histogram ends with everything") {
  Page page;
  page.add_histogram("concourse_worker_request_seconds", {0.001, 10}, {1, 2}, 3, 12.5, {{"service", "garden"}});
  CHECK(page.text().find("_bucket{service=\"garden\",le=\"0.001\"} 1\n") != std::string::npos);
  CHECK(page.text().find("_bucket{service=\"garden\",le=\"10\"} 2\n") != std::string::npos);
  CHECK(page.text().find(
            "_bucket{service=\"garden\",le=\"+Inf\"} 3\nconcourse_worker_request_seconds_sum{service=\"garden\"} 12.5\n") !=
        std::string::npos);
}

TEST_CASE("metrics: names are unique and of one family, documents name them all") {
  std::set<std::string_view> names;
  for (const auto& metric : definitions()) {
    CAPTURE(metric.name);
    CHECK(names.insert(metric.name).second);
    CHECK(metric.name.starts_with("concourse_worker_"));
    CHECK((metric.type == "counter") == metric.name.ends_with("_total"));
    CHECK(document().find("`" + std::string(metric.name) + "`") != std::string::npos);
  }
}

TEST_CASE("metrics: a service that is down is told, and odd answers are no trouble") {
  Page page;
  add_services(page, {{"garden", {{}, "no answer"}},
                      {"supervisor", {{}, "no answer"}},
                      {"beacon", {parse_json(R"({"beacon":5,"http":[]})"), ""}},
                      {"baggageclaim",
                       {parse_json(R"({"volumes":{"live":3,"quarantined":["a","b"]},"disk":null,"http":{"GET /x":7}})"), ""}}});
  const auto text = page.text();
  CHECK(text.find("service_up{service=\"garden\"} 0\n") != std::string::npos);
  CHECK(text.find("service=\"supervisor\"") == std::string::npos);
  CHECK(text.find("volumes{state=\"live\"} 3\n") != std::string::npos);
  CHECK(text.find("volumes{state=\"quarantined\"} 2\n") != std::string::npos);
  CHECK(text.find("registered") == std::string::npos);
}

TEST_CASE("metrics: a beacon's answer") {
  Page page;
  add_services(
      page,
      {{"beacon",
        {parse_json(
             R"({"version":"1","start_time":5,"beacon":{"state":"landing","current":{"heartbeat_age_ms":1500,"round_trip_us":2500},
    "bytes":{"wire_in":7},"sweeps":{"volumes":{"failing":2,"last_report_ms":250,"running":true,"in_flight":1,"backlog":4}}}})"),
         ""}}});
  const auto text = page.text();
  for (const char* sample :
       {"registered 1\n", "draining 1\n", "heartbeat_age_seconds 1.5\n", "tunnel_bytes_total{direction=\"wire_in\"} 7\n",
        "sweep_failing{kind=\"volumes\"} 2\n", "sweep_running{kind=\"volumes\"} 1\n", "sweep_backlog{kind=\"volumes\"} 4\n",
        "tsa_round_trip_seconds 0.0025\n", "sweep_report_age_seconds{kind=\"volumes\"} 0.25\n"})
    CHECK_MESSAGE(text.find(std::string("\nconcourse_worker_") + sample) != std::string::npos, sample, text);
}

TEST_CASE("metrics: what Garden and BaggageClaim count") {
  Page page;
  add_services(page, {{"garden", {parse_json(R"({"containers":2,"tasks":9,"oom_kills":3})"), ""}},
                      {"baggageclaim", {parse_json(R"({"volume_kinds":{"empty":4,"cow":5,"of a later version":6}})"), ""}}});
  const auto text = page.text();
  for (const char* sample :
       {"tasks 9\n", "oom_kills_total 3\n", "volumes_by_kind{kind=\"empty\"} 4\n", "volumes_by_kind{kind=\"cow\"} 5\n"})
    CHECK_MESSAGE(text.find(std::string("\nconcourse_worker_") + sample) != std::string::npos, sample, text);
  CHECK(text.find("later") == std::string::npos);
}
