#include "services/garden/spec/seccomp_program.hpp"

#include <seccomp.h>
#include <sys/mman.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <memory>
#include <vector>

#include "common/base/error.hpp"
#include "common/os/file.hpp"

namespace concourse::garden {

namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

void check(int result, const std::string& what) {
  if (result < 0) throw SysError("make the seccomp program: " + what, -result);
}

std::uint32_t action_of(const std::string& name, const Json& object, const char* errno_field) {
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(static_cast<std::uint16_t>(object.value(errno_field, EPERM)));
  throw Error(ErrorKind::invalid, "make the seccomp program: unknown action '" + name + "'");
}

scmp_arg_cmp condition_of(const Json& condition) {
  const bool masked = condition.at("op") == "SCMP_CMP_MASKED_EQ";
  return {condition.at("index").get<unsigned>(), masked ? SCMP_CMP_MASKED_EQ : SCMP_CMP_EQ,
          condition.at("value").get<std::uint64_t>(), condition.value("valueTwo", std::uint64_t{0})};
}

void add_architecture(const Filter& filter, std::string name) {
  if (name.starts_with("SCMP_ARCH_")) name.erase(0, 10);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return std::tolower(c); });
  const int result = seccomp_arch_add(filter.get(), seccomp_arch_resolve_name(name.c_str()));
  if (result != -EEXIST) check(result, "architecture '" + name + "'");
}

void add_rule(const Filter& filter, const Json& rule) {
  const auto action = action_of(rule.at("action").get<std::string>(), rule, "errnoRet");
  std::vector<scmp_arg_cmp> conditions;
  for (const Json& condition : rule.value("args", Json::array())) conditions.push_back(condition_of(condition));
  for (const Json& name : rule.at("names")) {
    const auto call = name.get<std::string>();
    const int number = seccomp_syscall_resolve_name(call.c_str());
    if (number == __NR_SCMP_ERROR) throw Error(ErrorKind::invalid, "make the seccomp program: unknown call '" + call + "'");
    check(seccomp_rule_add_array(filter.get(), action, number, static_cast<unsigned>(conditions.size()), conditions.data()), call);
  }
}

}  // namespace

std::string seccomp_program(const Json& profile) {
  const auto action = action_of(profile.at("defaultAction").get<std::string>(), profile, "defaultErrnoRet");
  const Filter filter(seccomp_init(action), seccomp_release);
  if (!filter) throw Error(ErrorKind::internal, "make the seccomp program: no filter");
  for (const Json& name : profile.at("architectures")) add_architecture(filter, name.get<std::string>());
  for (const Json& rule : profile.at("syscalls")) add_rule(filter, rule);
  // libseccomp writes to a descriptor only.
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) throw SysError("make the seccomp program");
  check(seccomp_export_bpf(filter.get(), file.get()), "export");
  return os::read_existing_file("/proc/self/fd/" + std::to_string(file.get()));
}

}  // namespace concourse::garden
