// The checks of concourse-workerctl doctor, in the order in which they are told. Each is short, changes nothing that stays, and
// throws nothing: what it can't find out is a finding.
#pragma once

#include <filesystem>
#include <optional>

#include "common/config/values.hpp"
#include "services/ctl/doctor/finding.hpp"

namespace concourse::ctl::doctor {

Findings check_kernel();                                 // version, user namespaces, cgroups, swap accounting
Findings check_runtime(const config::Values& settings);  // crun or runc, and its version
Findings check_storage(const std::filesystem::path& runtime_dir, const config::Values& settings);  // driver, disk
Findings check_network(const std::filesystem::path& runtime_dir, const config::Values& settings);  // firewall, links, DNS, MTU …
Findings check_ports(const std::filesystem::path& runtime_dir, const config::Values& settings);
Findings check_exposure(const std::filesystem::path& runtime_dir, const config::Values& settings);  // directories, listeners
Findings check_clock();
Findings check_cluster(const std::filesystem::path& runtime_dir, const config::Values& settings);  // keys, TSA, registration
Findings check_services(const std::filesystem::path& runtime_dir);

// The judgements, apart from where the facts come from.
Finding judge_kernel(const std::string& release);  // uname -r
// `version_text`: what `--version` printed; `changelog`: the distribution package's, if there is one (runtime_holes.hpp).
Finding judge_runtime(const std::string& path, const std::string& version_text, const std::string& changelog);
// Links of containers (name, interface group) that aren't this worker's; `sockets`: /proc/net/unix, which tells of workers that
// run.
using Link = std::pair<std::string, std::uint64_t>;
Finding judge_links(const std::string& runtime_dir, const std::vector<Link>& links, const std::string& sockets);
// A directory or file that is to have no more than the bits `allowed`.
Finding judge_closed(const std::string& path, unsigned mode, unsigned allowed);
// A warning for each TCP listener of Garden and BaggageClaim, neither of which asks who comes.
Findings judge_listeners(const config::Values& settings);
Finding judge_key_mode(const std::string& path, unsigned mode, unsigned owner);
Finding judge_room(const std::string& what, const std::string& path, double free_share, const std::string& free_text);
// What BaggageClaim says of its disk; nothing if that is well.
std::optional<Finding> judge_marks(const Json& disk);
// The base chains of `nft -j list ruleset` that drop forwarded packets unless a rule says otherwise, less those of workers.
std::vector<std::string> dropping_chains(const Json& ruleset);

}  // namespace concourse::ctl::doctor
