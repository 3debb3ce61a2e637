#include "services/ctl/command_line.hpp"

#include <doctest/doctest.h>

#include <set>

#include "common/base/error.hpp"
#include "common/config/man.hpp"
#include "services/ctl/manual.hpp"

using namespace concourse;
using namespace concourse::ctl;

namespace {

std::string problem(const std::vector<std::string>& arguments) {
  try {
    read_command_line(arguments, {});
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::usage);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("workerctl: a verb of one word or two, its words and its flags in any order") {
  CHECK(read_command_line({"status", "--json"}, {}).values.flag("json"));
  const auto inspect = read_command_line({"garden", "inspect", "--runtime-dir=/r", "h"}, {});
  CHECK(inspect.verb->name == "garden inspect");
  CHECK(inspect.words == std::vector<std::string>{"h"});
  CHECK(inspect.values.text("runtime-dir") == "/r");
  CHECK(read_command_line({"status"}, {{"CONCOURSE_RUNTIME_DIR", "/e"}}).values.text("runtime-dir") == "/e");
}

TEST_CASE("workerctl: a wrong use says what would be right") {
  CHECK(problem({}).find("no verb given; one of status, garden list") == 0);
  CHECK(problem({"--runtime-dir=/r", "status"}) ==
        "'--runtime-dir=/r' before the verb: flags come behind it, as in concourse-workerctl status --runtime-dir=/r");
  CHECK(problem({"garden"}) ==
        "unknown verb 'garden'; one of garden list, garden inspect, garden destroy, garden run, garden attach");
  CHECK(problem({"garden", "lsit"}) ==
        "unknown verb 'garden lsit'; one of garden list, garden inspect, garden destroy, garden run, garden attach");
  CHECK(problem({"garden", "inspect"}) == "HANDLE is missing: concourse-workerctl garden inspect HANDLE");
  CHECK(problem({"log-level", "garden"}) == "LEVEL is missing: concourse-workerctl log-level SERVICE LEVEL");
  CHECK(problem({"status", "x"}) == "unexpected argument 'x': concourse-workerctl status");
  CHECK(problem({"status", "--nope"}) == "unknown flag '--nope'");
}

TEST_CASE("workerctl: what stands behind -- belongs to the command") {
  const auto run = read_command_line({"garden", "run", "h", "--user=u", "--", "ls", "--help", "--"}, {});
  CHECK(run.words == std::vector<std::string>{"h"});
  CHECK(run.command == std::vector<std::string>{"ls", "--help", "--"});
  CHECK(run.values.text("user") == "u");
  CHECK(problem({"garden", "run", "h", "ls"}) == "unexpected argument 'ls': concourse-workerctl garden run HANDLE [-- COMMAND...]");
  CHECK(problem({"status", "--", "ls"}) == "unexpected argument 'ls': concourse-workerctl status");
}

TEST_CASE("workerctl: every verb has a summary and an example of itself") {
  std::set<std::string_view> names;
  for (const auto& verb : verbs()) {
    CAPTURE(verb.name);
    CHECK(names.insert(verb.name).second);
    CHECK(verb.summary.ends_with('.'));
    CHECK(verb.example.starts_with("concourse-workerctl " + std::string(verb.name)));
    CHECK(overview().find("  " + std::string(verb.name)) != std::string::npos);
  }
}

TEST_CASE("workerctl: the manual has a section for each verb, with its example") {
  const auto text = manual();
  std::size_t at = 0;
  for (const auto& verb : verbs()) {
    at = text.find(".SS \"" + config::roff(usage_of(verb)) + "\"\n", at);
    CHECK_MESSAGE(at != std::string::npos, verb.name);
    CHECK_MESSAGE(text.find(config::roff(verb.example), at) != std::string::npos, verb.name);
  }
}
