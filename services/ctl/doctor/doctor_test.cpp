#include <doctest/doctest.h>

#include "common/config/groups.hpp"
#include "common/config/parser.hpp"
#include "common/protocol/worker_id.hpp"
#include "services/ctl/doctor/checks.hpp"
#include "services/ctl/doctor/runtime_holes.hpp"
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

TEST_CASE("doctor: the holes of an OCI runtime are told by its version, candidates too, and by what its package mended") {
  const auto holes = [](const std::string& line, const std::string& changelog = "") {
    const auto version = RuntimeVersion::parse(line);
    REQUIRE(version);
    std::string found;
    for (const auto& hole : holes_of(line.substr(0, 4), *version, changelog)) found += std::string(hole.cve + 4) + " ";
    return found;
  };
  const std::string masked = "2025-31133 2025-52565 2025-52881 ", dev = "2026-41579 ";
  CHECK(holes("runc version 1.0.0-rc6") == "2019-5736 2021-30465 2024-21626 2024-45310 " + masked + dev);
  CHECK(holes("runc version 1.0.0~rc6+dfsg1-3") == holes("runc version 1.0.0-rc6"));
  CHECK(holes("runc version 1.0.0-rc7") == "2021-30465 2024-21626 2024-45310 " + masked + dev);
  CHECK(holes("runc version 1.0.0-rc94") == holes("runc version 1.0.0-rc7"));
  CHECK(holes("runc version 1.0.0-rc95+dev") == "2024-21626 2024-45310 " + masked + dev);
  CHECK(holes("runc version 1.0.0") == holes("runc version 1.0.0-rc95"));
  CHECK(holes("runc version 1.1.11") == "2024-21626 2024-45310 " + masked + dev);
  CHECK(holes("runc version 1.1.12") == "2024-45310 " + masked + dev);
  CHECK(holes("runc version 1.1.14") == masked + dev);
  CHECK(holes("runc version 1.2.0-rc.2") == "2024-45310 " + masked + dev);
  CHECK(holes("runc version 1.2.0-rc.3") == masked + dev);
  CHECK(holes("runc version 1.2.7") == masked + dev);
  CHECK(holes("runc version 1.2.8") == dev);
  CHECK(holes("runc version 1.3.0-rc.1") == masked + dev);
  CHECK(holes("runc version 1.3.2") == masked + dev);
  CHECK(holes("runc version 1.3.3") == dev);
  CHECK(holes("runc version 1.3.6").empty());
  CHECK(holes("runc version 1.4.0-rc.2") == masked + dev);
  CHECK(holes("runc version 1.4.0-rc.3") == dev);
  CHECK(holes("runc version 1.4.2") == dev);
  CHECK(holes("runc version 1.4.3").empty());
  CHECK(holes("runc version 1.5.0-rc.2") == dev);
  CHECK(holes("runc version 1.5.0-rc.3").empty());
  CHECK(holes("runc version 1.5.0").empty());
  CHECK(holes("runc version 1.10.0").empty());
  CHECK(holes("crun version 0.10.4") == "2019-18837 2022-27650 2026-47766 ");
  CHECK(holes("crun version 0.10.5") == "2022-27650 2026-47766 ");
  CHECK(holes("crun version 1.4.4") == "2026-47766 ");
  CHECK(holes("crun version 1.4") == "2022-27650 2026-47766 ");
  CHECK(holes("crun version 1.27.1") == "2026-47766 ");
  CHECK(holes("crun version 1.28").empty());
  CHECK(holes("runc version 1.1.5+ds1", "* fix CVE-2024-21626\n* CVE-2024-45310, CVE-2025-31133 CVE-2025-52565,CVE-2025-52881") ==
        dev);
  CHECK(holes("crun version 1.4.3", "CVE-2022-276501, CVE-2026-47766") == "2022-27650 ");
}

TEST_CASE("doctor: a runtime with a hole is warned of, with what keeps it out; none, or another runtime, is said so") {
  CHECK(judge_runtime("/r", "runc version 1.3.6\nspec: 1.0.2\n", "").verdict == Verdict::ok);
  const auto found = judge_runtime("/r", "crun version 1.8.1\ncommit: f8a096b", "");
  CHECK(found.verdict == Verdict::warning);
  CHECK(found.what ==
        "/r 1.8.1 has CVE-2026-47766, kept out by this worker: an image whose /dev, /proc or /sys isn't a directory is refused");
  CHECK(judge_runtime("/r", "crun version 1.8.1", "CVE-2026-47766").verdict == Verdict::ok);
  CHECK(judge_runtime("/r", "youki version 0.5.0", "").what.find("neither crun nor runc") != std::string::npos);
  CHECK(judge_runtime("/r", "", "").verdict == Verdict::warning);
  CHECK(judge_runtime("/r", "crun version UNKNOWN", "").verdict == Verdict::warning);
}

TEST_CASE("doctor: what others can enter, and what listens, is warned of") {
  CHECK(judge_closed("/w/volumes", 0710, 0710).verdict == Verdict::ok);
  CHECK(judge_closed("/w/volumes", 0700, 0710).verdict == Verdict::ok);
  CHECK(judge_closed("/w/volumes", 0711, 0710).remedy == "restart the worker, which closes it, or chmod 0710 /w/volumes");
  CHECK(judge_closed("/w/overlays", 0710, 0700).verdict == Verdict::warning);
  const auto judged = [](const std::vector<std::string>& words) {
    const config::Program program{
        .name = "t", .summary = "", .groups = {config::garden_listen_group(), config::baggageclaim_group()}};
    std::string text;
    for (const auto& finding : judge_listeners(config::parse(program, words, {}, false)))
      text += (finding.verdict == Verdict::ok ? "OK " : "") + finding.what + "\n";
    return text;
  };
  CHECK(judged({}) == "OK Garden and BaggageClaim listen on Unix sockets only\n");
  CHECK(judged({"--bind-port=7000"}) ==
        "Garden listens on 127.0.0.1:7000 and asks nobody who it is: any user of this machine becomes root here\n");
  CHECK(judged({"--bind-ip=::"}) ==
        "Garden listens on [::]:7777 and asks nobody who it is: whoever reaches it becomes root here\n");
  CHECK(judged({"--baggageclaim-bind-ip=10.0.0.5"}) ==
        "BaggageClaim listens on 10.0.0.5:7788 and asks nobody who it is: whoever reaches it can list the volumes and write into "
        "them\n");
  CHECK(judged({"--baggageclaim-bind-ip=10.0.0.5", "--baggageclaim-bind-full-api"}) ==
        "BaggageClaim listens on 10.0.0.5:7788 and asks nobody who it is: whoever reaches it becomes root here\n");
  CHECK(judged({"--baggageclaim-bind-port=1"}) ==
        "BaggageClaim listens on 127.0.0.1:1 and asks nobody who it is: any user of this machine becomes root here\n");
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
