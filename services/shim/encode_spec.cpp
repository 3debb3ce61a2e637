#include <sys/resource.h>

#include <array>
#include <map>

#include "common/base/error.hpp"
#include "common/protocol/init_spec.hpp"
#include "services/shim/init_channel.hpp"

namespace concourse::shim {

namespace {

// Garden's names of resource limits. `locks` has had no effect since Linux 2.4.25, but the kernel still takes it.
const std::map<std::string, int> kLimits = {{"as", RLIMIT_AS},           {"core", RLIMIT_CORE},
                                            {"cpu", RLIMIT_CPU},         {"data", RLIMIT_DATA},
                                            {"fsize", RLIMIT_FSIZE},     {"locks", RLIMIT_LOCKS},
                                            {"memlock", RLIMIT_MEMLOCK}, {"msgqueue", RLIMIT_MSGQUEUE},
                                            {"nice", RLIMIT_NICE},       {"nofile", RLIMIT_NOFILE},
                                            {"nproc", RLIMIT_NPROC},     {"rss", RLIMIT_RSS},
                                            {"rtprio", RLIMIT_RTPRIO},   {"sigpending", RLIMIT_SIGPENDING},
                                            {"stack", RLIMIT_STACK}};

class Encoder {
 public:
  void u16(std::uint16_t v) { number(v, 2); }
  void u32(std::uint64_t v) { number(v, 4); }
  void u64(std::uint64_t v) { number(v, 8); }
  void text(std::string_view v) {
    if (v.find('\0') != std::string_view::npos) throw Error(ErrorKind::invalid, "a text of the process has a NUL byte in it");
    u32(v.size());
    out_.append(v);
    out_ += '\0';
  }
  void texts(const std::vector<std::string>& list) {
    u32(list.size());
    for (const auto& item : list) text(item);
  }
  std::string take() { return std::move(out_); }

 private:
  void number(std::uint64_t v, int bytes) {
    for (int i = 0; i < bytes; ++i) out_ += static_cast<char>(v >> (8 * i) & 0xff);
  }
  std::string out_;
};

std::vector<std::string> merged(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  std::vector<std::string> out;
  std::map<std::string, std::size_t> places;
  for (const auto* list : {&first, &second})
    for (const auto& entry : *list) {
      const auto name = entry.substr(0, entry.find('='));
      if (const auto [place, fresh] = places.emplace(name, out.size()); fresh) out.push_back(entry);
      else out[place->second] = entry;
    }
  return out;
}

}  // namespace

std::string encode_spec(const protocol::garden::ProcessSpec& spec, const std::vector<std::string>& container_environment) {
  Encoder e;
  e.u32(init_wire::kVersion);
  e.u32(spec.tty ? init_wire::kFlagTty : 0);
  e.u16(spec.tty ? spec.tty->columns : 0);
  e.u16(spec.tty ? spec.tty->rows : 0);
  e.text(spec.path);
  e.text(spec.dir);
  e.text(spec.user);
  e.texts(spec.args);
  e.texts(merged(container_environment, spec.env));
  e.u32(spec.rlimits.size());
  for (const auto& [name, value] : spec.rlimits) {
    const auto known = kLimits.find(name);
    if (known == kLimits.end()) throw Error(ErrorKind::invalid, "unknown resource limit '" + name + "'");
    e.u32(static_cast<std::uint64_t>(known->second));
    e.u64(value);
  }
  auto encoded = e.take();
  if (encoded.size() > init_wire::kMaxSpec) throw Error(ErrorKind::invalid, "arguments and environment are too long");
  return encoded;
}

}  // namespace concourse::shim
