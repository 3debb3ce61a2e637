#include <doctest/doctest.h>

#include "common/protocol/worker_id.hpp"
#include "services/ctl/doctor/checks.hpp"
#include "services/ctl/doctor/settings.hpp"

using namespace concourse;
using namespace concourse::ctl::doctor;

TEST_CASE("doctor: kernels by what they can") {
  CHECK(judge_kernel("6.1.0-37-cloud-amd64").verdict == Verdict::ok);
  CHECK(judge_kernel("5.15.0-generic").verdict == Verdict::warning);
  CHECK(judge_kernel("5.10.0").verdict == Verdict::warning);
  CHECK(judge_kernel("4.19.0").verdict == Verdict::failure);
  CHECK(judge_kernel("strange").verdict == Verdict::warning);
}

TEST_CASE("doctor: OCI runtimes below the fixed versions are warned of, a distribution's are not") {
  CHECK(judge_runtime("/r", "runc version 1.1.11\nspec: 1.0.2\n").verdict == Verdict::warning);
  CHECK(judge_runtime("/r", "runc version 1.2.7").verdict == Verdict::warning);
  CHECK(judge_runtime("/r", "runc version 1.2.8").verdict == Verdict::ok);
  CHECK(judge_runtime("/r", "runc version 1.3.2").verdict == Verdict::warning);
  CHECK(judge_runtime("/r", "runc version 1.3.3").verdict == Verdict::ok);
  CHECK(judge_runtime("/r", "runc version 1.1.5+ds1").verdict == Verdict::ok);
  CHECK(judge_runtime("/r", "crun version 1.8.1\ncommit: f8a096b").verdict == Verdict::ok);
  CHECK(judge_runtime("/r", "crun version 1.4.3").verdict == Verdict::warning);
  CHECK(judge_runtime("/r", "").verdict == Verdict::warning);
}

TEST_CASE("doctor: links of other workers are named, with their owner if it runs") {
  const auto other = protocol::worker_id("/run/other");
  CHECK(judge_links("/run/own", {{"eth0", 0}, {"cw0a500002", protocol::worker_id("/run/own")}}, "").verdict == Verdict::ok);
  const auto running = "000: 2 0 0 2 1 @concourse-garden/" + std::to_string(other) + "//run/other\n000: 2 0 0 2 1 /x\n";
  const auto found = judge_links("/run/own", {{"cw0a500002", other}, {"cw0a500003", 7}}, running);
  CHECK(found.verdict == Verdict::warning);
  CHECK(found.what.find("cw0a500002 of the worker of /run/other") != std::string::npos);
  CHECK(found.what.find("cw0a500003 of no worker that runs (group 7)") != std::string::npos);
}

TEST_CASE("doctor: keys, room and other people's firewalls") {
  CHECK(judge_key_mode("/k", 0600, 0).verdict == Verdict::ok);
  CHECK(judge_key_mode("/k", 0644, 0).remedy == "chmod 600 /k");
  CHECK(judge_room("disk", "/w", 0.5, "5 GiB").verdict == Verdict::ok);
  CHECK(judge_room("disk", "/w", 0.05, "5 GiB").verdict == Verdict::warning);
  CHECK(judge_room("disk", "/w", 0.01, "5 GiB").verdict == Verdict::failure);
  CHECK_FALSE(judge_marks({{"state", "ok"}}));
  CHECK(judge_marks({{"state", "low"}, {"why", "2.0 GiB are free"}})->what == "2.0 GiB are free: garbage is collected at once");
  CHECK(judge_marks({{"state", "full"}, {"why", "x"}})->verdict == Verdict::failure);
  const auto rules = parse_json(R"({"nftables":[{"metainfo":{}},
    {"chain":{"family":"ip","table":"filter","name":"FORWARD","hook":"forward","policy":"drop"}},
    {"chain":{"family":"ip","table":"filter","name":"INPUT","hook":"input","policy":"drop"}},
    {"chain":{"family":"inet","table":"concourse_1","name":"forward","hook":"forward","policy":"drop"}}]})");
  CHECK(dropping_chains(rules) == std::vector<std::string>{"chain ip filter FORWARD"});
  CHECK(dropping_chains(Json::object()).empty());
}

TEST_CASE("doctor: a settings file as systemd reads it") {
  const auto read = parse_env_file("# no\n; no\n\nA=1\n B = \"two words\"\nC='x'\nD=\nbroken\n");
  CHECK(read == config::Environment{{"A", "1"}, {"B", "two words"}, {"C", "x"}, {"D", ""}});
}

TEST_CASE("doctor: what is told has its remedy below it and is counted") {
  const Findings findings{ok("a", "fine"), warning("b", "odd", "mend it")};
  CHECK(to_text(findings).find("→ mend it\n\n1 OK, 1 warning, 0 failures\n") != std::string::npos);
  CHECK_FALSE(has_failure(findings));
  CHECK(to_json(findings)[1]["verdict"] == "warning");
}
