#include <doctest/doctest.h>

#include <cmath>

#include "services/healthchecker/status_page/facts.hpp"
#include "services/healthchecker/status_page/page.hpp"
#include "services/healthchecker/status_page/sparkline.hpp"

using namespace concourse;
using namespace concourse::healthchecker;
using namespace concourse::healthchecker::status_page;
using namespace std::chrono_literals;

namespace {

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::size_t occurrences(const std::string& text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

View healthy_view() {
  View view;
  view.statements = {
      {"supervisor",
       {parse_json(R"({"state":"ready","version":"1.2","services":[{"service":"garden","restarts":3,"last_end":"killed"}]})"), ""}},
      {"garden", {parse_json(R"({"state":"ready","containers":7,"tasks":21,"oom_kills":2,"pid":42,"start_time":900})"), ""}},
      {"baggageclaim",
       {parse_json(R"({"state":"ready","driver":"overlay","volumes":{"live":31,"dead":1,"quarantined":["x"]},
          "volume_kinds":{"cow":20,"empty":11,"import":0},"disk":{"bytes":1073741824,"free_bytes":268435456,"inodes":100,"free_inodes":75}})"),
        ""}},
      {"beacon",
       {parse_json(R"({"state":"ready","beacon":{"state":"registered","name":"w-1","drain":"","last_error":"","channels":4,
          "losses":0,"current":{"tsa":"web:2222","heartbeat_age_ms":12000,"round_trip_us":1500,"registered_ms":61000},
          "sweeps":{"volumes":{"count":31,"backlog":2,"destroyed":5}}}})"),
        ""}},
      {"healthcheck", {parse_json(R"({"state":"ready","checks":5,"failed_checks":1})"), ""}}};
  view.readiness = parse_json(R"({"ready":true,"reasons":[],"checks":{"disk":{"ok":true}}})");
  view.now = Clock::time_point{} + 600s;
  view.unix_now = 1000;
  return view;
}

}  // namespace

TEST_CASE("html: everything but our own literals is escaped") {
  Html html;
  html.markup("<b>").text("<script>\"x\" & 'y'\x01</script>").markup("</b>");
  CHECK(html.str() == "<b>&lt;script&gt;&quot;x&quot; &amp; &#39;y&#39;\xEF\xBF\xBD&lt;/script&gt;</b>");
}

TEST_CASE("html: a long text is cut between characters") {
  std::string text(Html::kMostText - 1, 'a');
  CHECK(Html().text(text + "é").str() == text + "…");
  CHECK(Html().text(text + "b").str() == text + "b");
}

TEST_CASE("sparkline: one line a stretch, gaps where nothing is known, nothing beyond the edges") {
  const auto svg = sparkline({{0, 0}, {0.25, 5}, {0.5, NAN}, {0.75, 20}, {1, NAN}}, 10, "a<b").str();
  CHECK(has(svg, "<title>a&lt;b</title>"));
  CHECK(has(svg, "class=\"line\" d=\"M0.00 38.00L60.00 20.00M180.00 2.00h0\""));
  CHECK(has(svg, "class=\"area\" d=\"M0.00 40.00L0.00 38.00L60.00 20.00L60.00 40.00ZM180.00 40.00L180.00 2.00L180.00 40.00Z\""));
  CHECK_FALSE(has(sparkline({{0, NAN}}, 0, "").str(), "path"));
  CHECK_FALSE(has(sparkline({{0, 0}, {1, 0}}, 0, "").str(), "nan"));
}

TEST_CASE("history: an hour, in bounds, from odd answers too") {
  History history;
  const Clock::time_point start{};
  for (int i = 0; i < 1000; ++i) history.add({.when = start + i * 1s});
  CHECK(history.samples().size() == History::kMost);
  history.add({.when = start + 4500s});
  CHECK(history.samples().front().when == start + 900s);
  CHECK(history.samples().back().when == start + 4500s);

  const auto sample = sample_of(healthy_view().statements, start);
  CHECK(sample[Series::containers] == 7);
  CHECK(sample[Series::volumes] == 31);
  CHECK(sample[Series::disk_used] == 0.75);
  CHECK(sample[Series::heartbeat_age] == 12);
  CHECK(std::isnan(sample[Series::tunnel_bytes]));
  const auto odd = sample_of({{"garden", {parse_json(R"({"containers":"many"})"), ""}}, {"beacon", {parse_json("[]"), ""}}}, start);
  for (const auto value : odd.values) CHECK(std::isnan(value));
}

TEST_CASE("status page: what a healthy worker shows") {
  auto view = healthy_view();
  for (int i = 0; i < 3; ++i) {
    Sample sample{.when = view.now - (30s - i * 10s)};
    sample[Series::containers] = i;
    sample[Series::tunnel_bytes] = i * 20480;
    view.samples.push_back(sample);
  }
  const auto html = render(view, "n0nce");
  for (const char* part : {"<h1>w-1</h1><span class=\"badge good\">ready</span>",
                           ">7</div>",
                           "21 tasks, 2 killed for memory",
                           ">31</div>",
                           "1 being removed, 1 quarantined",
                           ">75 %</div>",
                           "256.0 MiB of 1.0 GiB free, inodes 25 %",
                           "12s ago",
                           "from web:2222",
                           "2.0 KiB/s",
                           "4 connections",
                           "1.5 ms",
                           "registered with web:2222 for 1m1s",
                           "31 reported, 2 to be destroyed, 5 destroyed so far",
                           "20 cow, 11 empty",
                           "up 1m40s · 3 restarts · pid 42",
                           "garden&#39;s last end",
                           "killed",
                           "5 checks, 1 failed",
                           "max 2 in 30s",
                           "1970-01-01 00:16:40 UTC",
                           "<style nonce=\"n0nce\">",
                           "http-equiv=\"refresh\""})
    CHECK_MESSAGE(has(html, part), part, html);
  CHECK(occurrences(html, "<svg class=\"graph\"") == 6);
}

TEST_CASE("status page: nothing of it comes from elsewhere") {
  const auto html = render(healthy_view(), "n");
  for (const char* part : {"<script", "src=", "@import", "url(", "style=\"", "http://", "https://"}) {
    CAPTURE(part);
    CHECK(occurrences(html, part) == (std::string_view(part) == "http://" ? 1 : 0));  // the icon's xmlns
  }
  CHECK(content_security_policy("n").starts_with("default-src 'none'; style-src 'nonce-n'; "));
}

TEST_CASE("status page: any service may be down, and the page says which") {
  for (const char* service : {"garden", "baggageclaim", "beacon"}) {
    CAPTURE(service);
    auto view = healthy_view();
    view.statements[service] = {{}, "connect to <" + std::string(service) + ">"};
    view.readiness = parse_json(R"({"checks":{"registration":{"reason":"R"},"drain":{"reason":"D"},"disk":{"reason":"F"}}})");
    const auto html = render(view, "n");
    CHECK(has(html, "<li>" + std::string(service) + " is down</li>"));
    CHECK(has(html, "not ready"));
    CHECK(has(html, "<div class=\"detail bad\">connect to &lt;" + std::string(service) + "&gt;</div>"));
    CHECK(has(html, "<li>disk: F</li>") == (std::string_view(service) != "baggageclaim"));
    CHECK(has(html, "<li>drain: D</li>") == (std::string_view(service) != "beacon"));
  }
  View nothing;
  for (const char* service : {"supervisor", "garden", "baggageclaim", "beacon", "healthcheck"})
    nothing.statements[service] = {{}, "gone"};
  CHECK(has(render(nothing, "n"), "<h1>Concourse worker</h1>"));
}

TEST_CASE("status page: a warning doesn't make a worker unready") {
  auto view = healthy_view();
  view.readiness = parse_json(R"({"ready":true,"warnings":["disk: <low>"],"checks":{}})");
  const auto html = render(view, "n");
  CHECK(has(html, "<span class=\"badge good\">ready</span>"));
  CHECK(has(html, "<ul class=\"card list problems warn\">\n<li>disk: &lt;low&gt;</li>"));
}

TEST_CASE("status page: a worker that only drains") {
  auto view = healthy_view();
  view.statements["beacon"].answer["beacon"]["drain"] = "landing";
  view.statements["beacon"].answer["beacon"]["drain_progress"] = {{"waits_for", "two builds"}, {"seconds_left", 90}};
  view.readiness = parse_json(R"({"checks":{"drain":{"reason":"landing, waits for two builds"}}})");
  const auto html = render(view, "n");
  CHECK(has(html, "<span class=\"badge warn\">draining</span>"));
  CHECK(has(html, "landing, waits for two builds, ends in 1m30s at the latest"));
}

TEST_CASE("status page: whatever a service says is text") {
  const std::string evil = "</li><script>alert(1)</script>\"'&";
  View view;
  const auto poison = [&](auto&& self, const Json& value) -> Json {
    if (value.is_string()) return evil;
    if (!value.is_structured()) return value;
    Json out = value;
    for (auto& inner : out) inner = self(self, inner);
    return out;
  };
  for (const auto& [service, statement] : healthy_view().statements)
    view.statements[service] = {poison(poison, statement.answer), evil};
  view.statements["supervisor"].answer["services"] =
      Json::array({{{"service", "garden"}, {"last_end", evil}, {"status", evil}, {"state", evil}}});
  view.statements["garden"] = {{}, evil};
  view.statements["garden"].error = evil;
  view.statements["baggageclaim"].answer["volume_kinds"] = {{evil, 3}};
  view.readiness = {{"error", evil}, {"checks", {{"disk", {{"reason", evil}}}}}};
  const auto html = render(view, "n");
  CHECK_FALSE(has(html, "<script"));
  CHECK(occurrences(html, "&lt;/li&gt;&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;") > 10);
}

TEST_CASE("status page: an answer of another version is no trouble") {
  for (const char* answer :
       {"{}", "[]", "7", R"({"state":5,"containers":"x","volumes":[],"disk":{"bytes":0},"beacon":"no","services":{"a":1}})",
        R"({"beacon":{"state":[],"current":3,"sweeps":[1],"drain_progress":9}})"}) {
    View view;
    for (const char* service : {"supervisor", "garden", "baggageclaim", "beacon", "healthcheck"})
      view.statements[service] = {parse_json(answer), ""};
    CHECK(has(render(view, "n"), "</html>"));
  }
}

TEST_CASE("status page: words for amounts") {
  CHECK(duration_words(42.9) == "42s");
  CHECK(duration_words(192) == "3m12s");
  CHECK(duration_words(18180) == "5h3m");
  CHECK(duration_words(-3) == "0s");
  CHECK(bytes_words(0) == "0 B");
  CHECK(bytes_words(1536) == "1.5 KiB");
  CHECK(bytes_words(5e15) == "4547.5 TiB");
  CHECK(latency_words(0.0004) == "0.4 ms");
  CHECK(latency_words(0.25) == "250 ms");
  CHECK(latency_words(2) == "2.0 s");
}
