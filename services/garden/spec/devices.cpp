#include "services/garden/spec/devices.hpp"

namespace concourse::garden {

namespace {

constexpr int kMisc = 10, kFuse = 229, kTun = 200;

Json allow(const char* type, const char* access) { return {{"allow", true}, {"type", type}, {"access", access}}; }

Json allow(const char* type, int major, int minor) {
  Json rule = {{"allow", true}, {"type", type}, {"major", major}, {"access", "rwm"}};
  if (minor >= 0) rule["minor"] = minor;  // none: every one
  return rule;
}

}  // namespace

Json device_rules(bool with_fuse) {
  Json rules = Json::array({{{"allow", false}, {"access", "rwm"}}, allow("c", "m"), allow("b", "m")});
  for (const int minor : {3, 5, 7, 8, 9}) rules.push_back(allow("c", 1, minor));  // null zero full random urandom
  for (const int minor : {0, 2}) rules.push_back(allow("c", 5, minor));           // tty ptmx
  rules.push_back(allow("c", 136, -1));                                           // terminals
  rules.push_back(allow("c", kMisc, kTun));
  if (with_fuse) rules.push_back(allow("c", kMisc, kFuse));
  return rules;
}

Json fuse_device() {
  return {{"path", "/dev/fuse"}, {"type", "c"}, {"major", kMisc}, {"minor", kFuse}, {"fileMode", 0666}, {"uid", 0}, {"gid", 0}};
}

}  // namespace concourse::garden
