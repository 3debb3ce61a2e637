#include "services/garden/network/sysctl.hpp"

#include <string_view>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

constexpr int kSmallestIpv6Mtu = 1280;  // RFC 8200

std::string ipv6_path(const std::string& link, const char* name) { return "/proc/sys/net/ipv6/conf/" + link + "/" + name; }

bool ipv6_is(const std::string& link, const char* name, std::string_view value) {
  return trim(os::read_file(ipv6_path(link, name)).value_or("")) == value;
}

// False if there is no such setting: the link has gone, or the kernel has no IPv6.
bool set_ipv6(const std::string& link, const char* name, const char* value) {
  try {
    os::write_kernel_file(ipv6_path(link, name), value);
    return true;
  } catch (const SysError& e) {
    if (e.kind() != ErrorKind::not_found) throw;
    return false;
  }
}

}  // namespace

void set_sysctl(const std::string& name, const char* value) { os::write_kernel_file("/proc/sys/net/" + name, value); }

bool loopback_has_ipv6() { return ipv6_is("lo", "disable_ipv6", "0"); }

void switch_ipv6(const std::string& link, bool on) { set_ipv6(link, "disable_ipv6", on ? "0" : "1"); }

void ipv6_by_hand(const std::string& link, bool link_local) {
  set_sysctl("ipv6/conf/" + link + "/accept_ra", "0");
  if (link_local) set_sysctl("ipv6/conf/" + link + "/accept_dad", "0");
  else set_sysctl("ipv6/conf/" + link + "/addr_gen_mode", "1");  // none
}

void check_ipv6_mtu(int mtu) {
  if (mtu < kSmallestIpv6Mtu)
    throw Error(ErrorKind::invalid,
                "IPv6 needs an MTU of " + std::to_string(kSmallestIpv6Mtu) + " at least, and this is " + std::to_string(mtu));
}

void forward_ipv6() {
  // A host that forwards takes no address and no route from routers any more, unless told to: it must not lose its own.
  if (ipv6_is("all", "forwarding", "0"))
    for (const auto& link : os::list_directory("/proc/sys/net/ipv6/conf"))
      if (link != "all" && link != "default" && ipv6_is(link, "accept_ra", "1")) set_ipv6(link, "accept_ra", "2");
  if (!set_ipv6("all", "forwarding", "1")) throw Error(ErrorKind::unavailable, "--containerd-v6-enable: this kernel has no IPv6");
}

}  // namespace concourse::garden
