#include "common/host/name_servers.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include "common/base/scope_exit.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

using namespace concourse;
using host::Verdict;
using Lines = std::vector<std::string>;

namespace {

// A host's /etc and /run.
struct Files {
  std::filesystem::path etc = std::filesystem::temp_directory_path() / ("etc-" + random_hex(4)), run = etc / "run";
  Files() { os::make_directories(run / "systemd/resolve"); }
  ~Files() { os::remove_tree(etc); }
  host::NameServers with(const std::string& own, const std::string& resolved = "", const host::Reach& reach = {}) const {
    os::replace_file(etc / "resolv.conf", own);
    if (!resolved.empty()) os::replace_file(run / "systemd/resolve/resolv.conf", resolved);
    return host::name_servers(reach, etc, run);
  }
};

}  // namespace

TEST_CASE("resolv.conf: servers and what is about the search; nothing else") {
  const auto conf = host::parse_resolv_conf(
      "# nameserver 1.1.1.1\n; x\n\nnameserver 10.0.0.2 # the first\nnameserver\nnameserver a\nnameserver 10.0.0.3 10.0.0.4\n"
      "\tnameserver\tfe80::1%eth0\nsearch a b\noptions ndots:5\nsortlist 10.0.0.0\ndomain x\nfamily inet\nname" +
      std::string("server 1.2.3.4\0", 15));
  CHECK(conf.servers == Lines{"10.0.0.2", "fe80::1%eth0"});
  CHECK(conf.others == Lines{"search a b", "options ndots:5", "sortlist 10.0.0.0", "domain x"});
}

TEST_CASE("resolv.conf: what is no file of any use is a problem and no error") {
  const Files f;
  CHECK(host::read_resolv_conf(f.etc / "none").problem.find("No such file") != std::string::npos);
  CHECK(host::read_resolv_conf(f.etc).problem.ends_with("is no file"));
  os::replace_file(f.etc / "large", std::string(1 << 20, 'x'));
  CHECK(host::read_resolv_conf(f.etc / "large").problem.ends_with("is larger than 64 KiB"));
  REQUIRE(::mkfifo((f.etc / "pipe").c_str(), 0600) == 0);
  CHECK(host::read_resolv_conf(f.etc / "pipe").problem.ends_with("is no file"));
}

TEST_CASE("name servers: only those that a container can reach") {
  const host::Reach closed{false, false, {"10.0.0.7", "fd00::7"}}, open{true, true, closed.own_addresses},
      ipv6{true, false, closed.own_addresses};
  for (const char* never : {"127.0.0.53", "127.9.9.9", "0.0.0.0", "::1", "::", "fe80::1", "fe80::1%eth0", "::ffff:1.2.3.4", "x"})
    for (const auto& reach : {closed, open, ipv6}) CHECK_FALSE(host::can_reach(reach, never));
  CHECK(host::can_reach(closed, "10.0.0.8"));
  CHECK_FALSE(host::can_reach(closed, "10.0.0.7"));
  CHECK(host::can_reach(open, "10.0.0.7"));
  CHECK_FALSE(host::can_reach(closed, "fd00::8"));
  CHECK(host::can_reach(ipv6, "fd00::8"));
  CHECK_FALSE(host::can_reach(ipv6, "FD00:0::7"));
  CHECK(host::can_reach(open, "fd00::7"));
}

TEST_CASE("name servers: systemd-resolved's real ones when its own is all there is, the search kept in every case") {
  const Files f;
  auto found = f.with("nameserver 127.0.0.53\noptions edns0\nsearch a\n");
  CHECK(found.servers.empty());
  CHECK(found.unreachable == Lines{"127.0.0.53"});
  CHECK(found.others == Lines{"options edns0", "search a"});
  found = f.with("nameserver 127.0.0.53\nsearch a\n", "nameserver 10.0.0.3\nsearch x\n");
  CHECK(found.servers == Lines{"10.0.0.3"});
  CHECK(found.others == Lines{"search a"});
  CHECK(f.with("nameserver 127.0.0.53\n").others == Lines{"search x"});
  CHECK(f.with("nameserver 127.0.0.53\nnameserver 10.0.0.2\n").servers == Lines{"10.0.0.2"});
  CHECK(f.with("nameserver 127.0.0.53\n", "nameserver 127.0.0.1\n").servers.empty());
}

TEST_CASE("name servers: how they are judged") {
  const Files f;
  CHECK(host::judge(f.with("nameserver 127.0.0.53\n"), false, false).verdict == Verdict::warning);
  CHECK(host::judge(f.with("nameserver 127.0.0.53\n"), false, true).verdict == Verdict::ok);
  CHECK(host::judge(f.with("nameserver 127.0.0.53\n"), true, false).verdict == Verdict::ok);
  CHECK(host::judge(f.with(""), false, true).verdict == Verdict::warning);
  CHECK(host::judge(f.with("search x\nnameserver 10.0.0.2\n"), false, false).what == "containers ask 10.0.0.2");
  CHECK(host::judge(f.with("nameserver ::1\n", "nameserver 10.0.0.3\n"), false, false).what ==
        "::1 can't be reached by containers, which ask instead 10.0.0.3");
  CHECK(host::judge(host::name_servers({}, "/nowhere", "/nowhere"), false, false).verdict == Verdict::warning);
}
