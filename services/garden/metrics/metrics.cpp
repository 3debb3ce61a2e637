#include "services/garden/metrics/metrics.hpp"

#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

// Fields of MemoryStat that carry the kernel's names: those of cgroup v1, then the three that only v2 has.
constexpr std::array kMemoryFields = {"active_anon",
                                      "active_file",
                                      "cache",
                                      "hierarchical_memory_limit",
                                      "inactive_anon",
                                      "inactive_file",
                                      "mapped_file",
                                      "pgfault",
                                      "pgmajfault",
                                      "pgpgin",
                                      "pgpgout",
                                      "rss",
                                      "total_active_anon",
                                      "total_active_file",
                                      "total_cache",
                                      "total_inactive_anon",
                                      "total_inactive_file",
                                      "total_mapped_file",
                                      "total_pgfault",
                                      "total_pgmajfault",
                                      "total_pgpgin",
                                      "total_pgpgout",
                                      "total_rss",
                                      "total_unevictable",
                                      "unevictable",
                                      "swap",
                                      "hierarchical_memsw_limit",
                                      "total_swap",
                                      "anon",
                                      "file",
                                      "swapcached"};

// What counts against the limit and can't simply be dropped.
std::uint64_t usage_toward_limit(std::map<std::string, std::uint64_t>& stat, bool unified) {
  const auto all =
      unified ? stat["file"] + stat["anon"] + stat["swapcached"] : stat["total_rss"] + stat["total_cache"] + stat["total_swap"];
  const auto reclaimable = unified ? stat["inactive_file"] : stat["total_inactive_file"];
  return all - std::min(all, reclaimable);
}

Json memory_json(const os::Cgroup* cgroup) {
  auto stat = cgroup != nullptr ? cgroup->memory_stat() : std::map<std::string, std::uint64_t>();
  Json json = Json::object();
  for (const char* field : kMemoryFields) json[field] = stat[field];
  json["TotalUsageTowardLimit"] = usage_toward_limit(stat, cgroup != nullptr && cgroup->unified());
  return json;
}

// Bytes as the container sees them: what the host's end of the pair has sent, the container has received.
Json network_json(std::uint32_t address) {
  const std::filesystem::path statistics = "/sys/class/net/" + Network::link_name(address) + "/statistics";
  const auto read = [&](const char* name) { return parse_u64(trim(os::read_file(statistics / name, 64).value_or(""))); };
  const auto received = read("tx_bytes"), sent = read("rx_bytes");
  if (!received || !sent) return nullptr;
  return {{"RxBytes", *received}, {"TxBytes", *sent}};
}

std::uint64_t total_memory() {
  struct sysinfo info {};
  return ::sysinfo(&info) == 0 ? std::uint64_t{info.totalram} * info.mem_unit : 0;
}

// The CPU time that the container's shares entitle it to since it was made: the machine's time in proportion to its memory, one
// share a MiB, as guardian reckons by default.
std::uint64_t entitlement_ns(const Limits& limits, std::int64_t age_ns) {
  const auto shares = static_cast<double>(limits.cpu_weight != 0 ? limits.cpu_weight : limits.cpu_shares);
  const double per_share =
      static_cast<double>(sysconf(_SC_NPROCESSORS_ONLN)) / static_cast<double>(std::max<std::uint64_t>(total_memory() >> 20, 1));
  return static_cast<std::uint64_t>(shares * per_share * static_cast<double>(age_ns));
}

Json metrics_json(Json memory, const os::Cgroup* cgroup, Json network, std::int64_t age_ns, std::uint64_t entitlement) {
  return {{"MemoryStat", std::move(memory)},
          {"CPUStat",
           {{"Usage", cgroup != nullptr ? cgroup->cpu_usage_ns() : 0},
            {"User", cgroup != nullptr ? cgroup->cpu_user_ns() : 0},
            {"System", cgroup != nullptr ? cgroup->cpu_system_ns() : 0}}},
          // Root file systems are BaggageClaim's volumes: what they hold is counted there.
          {"DiskStat", {{"TotalBytesUsed", 0}, {"TotalInodesUsed", 0}, {"ExclusiveBytesUsed", 0}, {"ExclusiveInodesUsed", 0}}},
          {"NetworkStat", std::move(network)},
          {"PidStat",
           {{"Current", cgroup != nullptr ? cgroup->pids_current() : 0}, {"Max", cgroup != nullptr ? cgroup->pids_max() : 0}}},
          {"Age", age_ns},
          {"CPUEntitlement", entitlement}};
}

}  // namespace

Json empty_metrics() { return metrics_json(memory_json(nullptr), nullptr, nullptr, 0, 0); }

Json container_metrics(const Container& container, const os::Cgroup& cgroup) {
  const auto age = container.age().count();
  return metrics_json(memory_json(&cgroup), &cgroup, network_json(container.address()), age,
                      entitlement_ns(container.spec().limits, age));
}

Json capacity(const Options& options, std::uint64_t addresses) {
  struct statvfs disk {};
  if (::statvfs(options.paths.work_dir.c_str(), &disk) != 0)
    throw SysError("measure the disk of '" + options.paths.work_dir.string() + "'");
  const std::uint64_t bytes = std::uint64_t{disk.f_blocks} * disk.f_frsize;
  return {{"memory_in_bytes", total_memory()},
          {"disk_in_bytes", bytes},
          {"schedulable_disk_in_bytes", bytes},
          {"max_containers", options.max_containers != 0 ? std::min(options.max_containers, addresses) : addresses}};
}

}  // namespace concourse::garden
