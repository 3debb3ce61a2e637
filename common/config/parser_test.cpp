#include "common/config/parser.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"

using namespace concourse;
using namespace concourse::config;

namespace {

const Program kProgram{
    .name = "demo",
    .summary = "A demonstration.",
    .groups = {{"Demo",
                {{.name = "name", .help = "A name."},
                 {.name = "tag", .type = Type::list},
                 {.name = "on", .type = Type::boolean},
                 {.name = "wait", .type = Type::duration, .value = "30s", .help = "How long."},
                 {.name = "port", .type = Type::port, .value = "7777"},
                 {.name = "kind", .type = Type::choice, .value = "a", .choices = {"a", "b"}},
                 {.name = "proxy", .env = "http_proxy", .secret = true},
                 {.name = "file", .short_name = 'f'},
                 {.name = "by-hand", .env = "-"},
                 {.name = "many", .type = Type::integer, .value = "3", .at_least = "1"},
                 {.name = "pause", .type = Type::duration, .value = "1s", .at_least = "10ms"},
                 {.name = "host", .type = Type::list, .element = Type::host_port},
                 {.name = "net", .type = Type::list, .element = Type::cidr},
                 {.name = "old", .instead = "use --name"}}}},
};

std::string problem(const std::vector<std::string>& arguments, const Environment& environment = {}) {
  try {
    parse(kProgram, arguments, environment);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::usage);
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("config: command line over environment over default") {
  const Environment environment{{"CONCOURSE_NAME", "env"}, {"CONCOURSE_TAG", "a,b"}, {"http_proxy", "p:1"}};

  const auto from_env = parse(kProgram, {}, environment);
  CHECK(from_env.text("name") == "env");
  CHECK(from_env.list("tag") == std::vector<std::string>{"a", "b"});
  CHECK(from_env.text("proxy") == "p:1");
  CHECK(from_env.duration("wait") == std::chrono::seconds(30));
  CHECK_FALSE(from_env.flag("on"));

  const auto both = parse(kProgram, {"--name", "cli", "--tag=x,y", "--tag", "z", "--on", "--wait=1h30m"}, environment);
  CHECK(both.text("name") == "cli");
  CHECK(both.list("tag") == std::vector<std::string>{"x,y", "z"});
  CHECK(both.flag("on"));
  CHECK(both.duration("wait") == std::chrono::minutes(90));
}

TEST_CASE("config: booleans take =true and =false; an empty variable is not set, with a warning") {
  CHECK(parse(kProgram, {"--on=true"}, {}).flag("on"));
  CHECK_FALSE(parse(kProgram, {"--on=false"}, {}).flag("on"));
  const auto values = parse(kProgram, {}, {{"CONCOURSE_ON", ""}, {"CONCOURSE_TAG", ""}});
  CHECK_FALSE(values.flag("on"));
  CHECK(values.list("tag").empty());
  CHECK(values.warnings.size() == 2);
}

TEST_CASE("config: every problem is named, with the flag and the variable it came from") {
  CHECK(problem({"--nope"}) == "unknown flag '--nope'");
  CHECK(problem({"--wait", "5"}).find("flag --wait: '5' is not a duration") == 0);
  CHECK(problem({"--port=70000"}) == "flag --port: '70000' is not a port (0-65535)");
  CHECK(problem({"--name"}) == "flag '--name' needs a value");
  CHECK(problem({"stray"}) == "unexpected argument 'stray'");
  CHECK(problem({}, {{"CONCOURSE_KIND", "c"}}) == "$CONCOURSE_KIND (flag --kind): 'c' is not one of a, b");
  CHECK(problem({"--nope", "--port=x"}).find("; ") != std::string::npos);
}

TEST_CASE("config: a value below the smallest allowed one is refused") {
  CHECK(problem({"--many=0"}) == "flag --many: '0' is too small: at least 1");
  CHECK(problem({"--pause", "0"}) == "flag --pause: '0' is too short: at least 10ms");
  CHECK(problem({"--pause", "-5s"}) == "flag '--pause' needs a value; unknown flag '-5s'");
  CHECK(problem({"--pause=-5s"}) == "flag --pause: '-5s' is too short: at least 10ms");
}

TEST_CASE("config: the elements of a list are checked") {
  CHECK(problem({"--host=web"}) == "flag --host: 'web' has no port; write web:2222");
  CHECK(problem({"--host=::1"}) == "flag --host: '::1' has no port; write [::1]:2222");
  CHECK(problem({"--host=web:x"}) == "flag --host: 'web:x' is not host:port");
  CHECK(problem({}, {{"CONCOURSE_NET", "10.0.0.0/8,10.0.0.0/33"}}) ==
        "$CONCOURSE_NET (flag --net): '10.0.0.0/33' is not a network such as 10.80.0.0/16");
  CHECK(parse(kProgram, {"--net=10.1.2.3", "--net=fd00::/8"}, {}).list("net") ==
        std::vector<std::string>{"10.1.2.3/32", "fd00::/8"});
}

TEST_CASE("config: a value on the command line hides a bad one in the environment") {
  CHECK(parse(kProgram, {"--port=1"}, {{"CONCOURSE_PORT", "x"}}).port("port") == 1);
}

TEST_CASE("config: an option may have no variable") {
  CHECK(parse(kProgram, {}, {{"CONCOURSE_BY_HAND", "x"}, {"-", "x"}, {"", "x"}}).text("by-hand").empty());
  CHECK(parse(kProgram, {"--by-hand=y"}, {}).text("by-hand") == "y");
  CHECK(help_text(kProgram).find("BY_HAND") == std::string::npos);
}

TEST_CASE("config: short flags") {
  CHECK(parse(kProgram, {"-f", "x"}, {}).text("file") == "x");
  CHECK(parse(kProgram, {"-f=x"}, {}).text("file") == "x");
  CHECK(problem({"-x"}) == "unknown flag '-x'");
  CHECK(problem({"-file"}) == "unknown flag '-file'");
}

TEST_CASE("config: what may be secret goes into the environment of another program, never into its arguments") {
  const auto values = parse(kProgram, {"--proxy=http://user:password@host", "--old=1"}, {});
  CHECK(values.to_arguments(kProgram.groups).empty());
  CHECK(values.to_environment(kProgram.groups) == std::vector<std::string>{"http_proxy=http://user:password@host"});
}

TEST_CASE("config: an option without effect is accepted and says what to use") {
  const auto values = parse(kProgram, {"--old=1"}, {});
  REQUIRE(values.warnings.size() == 1);
  CHECK(values.warnings[0] == "--old has no effect: use --name");
}

TEST_CASE("config: the words for another program carry only what was given") {
  const auto values = parse(kProgram, {"--tag=a", "--tag=b,c", "--on"}, {{"CONCOURSE_NAME", "n"}});
  CHECK(values.to_arguments(kProgram.groups) == std::vector<std::string>{"--name=n", "--tag=a", "--tag=b,c", "--on=true"});
}

TEST_CASE("config: durations are Go's") {
  CHECK(parse_duration("1.5h") == std::chrono::minutes(90));
  CHECK(parse_duration("300ms") == std::chrono::milliseconds(300));
  CHECK(parse_duration("0") == Duration::zero());
  CHECK(parse_duration("-5s") == -std::chrono::seconds(5));
  for (const char* bad : {"", "5", "s", "1d", "1h x", "--5s", "1e3s"}) CHECK_THROWS_AS(parse_duration(bad), Error);
  CHECK(duration_text(std::chrono::minutes(90)) == "1h30m0s");
  CHECK(duration_text(std::chrono::milliseconds(1500)) == "1.5s");
  CHECK(duration_text(Duration(250)) == "250ns");
}
