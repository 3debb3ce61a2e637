// JSON bodies of Garden's routes: read as every kind of body there is, and turned into all that is made of them.
#include "common/protocol/garden.hpp"
#include "common/testing/fuzz.hpp"
#include "common/testing/recorded.hpp"
#include "services/garden/container_spec.hpp"
#include "services/garden/errors.hpp"
#include "services/garden/spec/oci_spec.hpp"

namespace {

using namespace concourse;
using namespace concourse::garden;
using concourse::testing::fuzz_check;

// A body that is refused is as good as one that is taken; anything but an Error is a finding.
template <typename F>
void attempt(F read) {
  try {
    read();
  } catch (const Error& e) {
    fuzz_check(!std::string_view(e.what()).empty(), "a refusal says why");
    fuzz_check(Json::accept(body_of(e)), "an error's body is JSON");
  }
}

const Machine& machine() {
  static const Machine kMachine = Machine::discover();
  return kMachine;
}

bool is_path(const std::string& text) { return text.starts_with('/') && text.find('\0') == std::string::npos; }

void container_spec(const Json& json) {
  const auto spec = parse_container_spec(json);
  fuzz_check(is_path(spec.rootfs), "the root is an absolute path");
  for (const auto& mount : spec.bind_mounts)
    fuzz_check(is_path(mount.source) && is_path(mount.destination), "both ends of a mount are absolute paths");
  fuzz_check(spec.handle.find('/') == std::string::npos && !spec.handle.starts_with('.'), "a handle is a plain name");
  const auto record = dump_json(to_json(spec));
  fuzz_check(dump_json(to_json(parse_container_spec(parse_json(record)))) == record, "a record is read as it was written");
  const auto oci = oci_spec(spec, machine(), "/c/h");
  fuzz_check(oci["hostname"].get<std::string>().size() <= 63, "the kernel takes the host name");
  fuzz_check(Json::accept(dump_json(oci)), "the bundle is JSON");
}

void process_spec(const Json& json) {
  const auto spec = protocol::garden::parse_process_spec(json);
  const auto record = dump_json(protocol::garden::to_json(spec));
  fuzz_check(dump_json(protocol::garden::to_json(protocol::garden::parse_process_spec(parse_json(record)))) == record,
             "a process goes to the shim as it came");
}

// The rules become a script for nftables, where a stray character would be a command.
void net_out(const Json& json) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyz0123456789 .:-\"";
  for (const auto& match : netout_matches(json, "handle", true))
    fuzz_check(match.find_first_not_of(kPlain) == std::string::npos, "a rule has no character of its own");
}

void small_bodies(const Json& json) {
  attempt([&] { (void)bool_field(json, "kill"); });
  attempt([&] { (void)string_field(json, "value"); });
  attempt([&] { (void)to_json(parse_port_mapping(json)); });
  attempt([&] { (void)protocol::garden::window_size(json); });
}

}  // namespace

std::vector<std::string> concourse::testing::fuzz_seeds() {
  std::vector<std::string> seeds = {
      R"({"handle":"h","rootfs":"","image":{"uri":"raw:///a%20b"},"privileged":true,"network":"10.0.0.0/30","grace_time":5000000000})",
      R"({"handle":"h","rootfs":"raw:///r","netin":[{"host_port":0,"container_port":80}],"limits":{"disk_limits":{"byte_hard":1},"pid_limits":{"max":9}}})",
      R"({"protocol":1,"networks":[{"start":"10.0.0.1","end":"10.0.0.9"},{"start":"8.8.8.8"}],"ports":[{"start":1,"end":9}],"log":true})",
      R"({"protocol":3,"icmps":{"type":8,"code":0}})",
      R"({"protocol":4,"networks":[{"start":"fd00::1","end":"fd00::9"}],"icmps":{"type":128,"code":0}})",
      R"({"path":"sh","rlimits":{"nofile":1024,"core":null},"tty":{"window_size":{"columns":80,"rows":24}},"env":["A=\u0000"]})",
      R"({"Kill":true,"VALUE":"x","host_port":65536})",
      "5000000000",
      R"([[[{}]]])"};
  for (auto& request : recorded_requests("garden"))
    if (!request.rest.empty()) seeds.push_back(std::move(request.rest));
  return seeds;
}

void concourse::testing::fuzz_one(std::string_view input) {
  attempt([&] {
    const Json json = parse_json(input);
    attempt([&] { container_spec(json); });
    attempt([&] { process_spec(json); });
    attempt([&] { net_out(json); });
    small_bodies(json);
  });
}
