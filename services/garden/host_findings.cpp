#include "services/garden/host_findings.hpp"

#include "common/base/error.hpp"
#include "services/garden/dns/name_service.hpp"

namespace concourse::garden {

host::Findings host_findings(const Options& options) {
  return {host::user_namespaces(), host::cgroup_controllers(), host::swap_accounting(),
          host::judge(dns::host_name_servers(options), !options.etc.dns_servers.empty(), options.dns_proxy)};
}

void check_limits(const Limits& limits, const host::Cgroups& cgroups) {
  const auto need = [&](std::uint64_t limit, const std::string& what, const char* controller) {
    if (limit == 0 || cgroups.has(controller)) return;
    throw Error(ErrorKind::unavailable, "create container: the limit of " + std::to_string(limit) + " " + what +
                                            " can't be held: " + cgroups.version() + " has no controller '" + controller +
                                            "' on this machine; " + host::kCgroupRemedy);
  };
  need(limits.memory_bytes, "bytes of memory", "memory");
  need(limits.pids, "processes", "pids");
  need(limits.cpu_weight != 0 ? limits.cpu_weight : limits.cpu_shares, "CPU shares", "cpu");
}

}  // namespace concourse::garden
