// What comes from inside a container, in any order and form, among what Garden and clients do meanwhile. The input is a script:
// one byte says what happens, those behind it say how. In the end every question was answered once and every client has heard
// how its process ended.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <deque>

#include "common/base/error.hpp"
#include "common/os/file.hpp"
#include "common/os/unix_socket.hpp"
#include "common/testing/fuzz.hpp"
#include "services/shim/process_table.hpp"

namespace {

using namespace concourse;
using concourse::testing::fuzz_check;
using init_wire::Report;

constexpr std::size_t kMaxActions = 48;
constexpr std::size_t kMaxClients = 16;

class Script {
 public:
  explicit Script(std::string_view bytes) : left_(bytes) {}
  bool more() const { return !left_.empty(); }
  std::uint8_t byte() { return static_cast<std::uint8_t>(take(1)[0]); }
  std::string take(std::size_t n) {
    std::string out(left_.substr(0, n));
    left_.remove_prefix(out.size());
    out.resize(n);
    return out;
  }

 private:
  std::string_view left_;
};

struct Client {
  UniqueFd main;
  std::string said;  // to it
  int answers = 0;   // of Garden's question
  bool refused = false, dropped = false;
};

const std::filesystem::path& directory() {
  static const struct Directory {
    std::filesystem::path path = "/dev/shm/fuzz-init-messages-" + std::to_string(::getpid());
    Directory() { os::make_directories(path); }
    ~Directory() { os::remove_tree(path); }
  } kDirectory;
  return kDirectory.path;
}

protocol::shim::Config config() {
  protocol::shim::Config config;
  config.cgroup = "/none";
  return config;
}

// A container's shim without the container.
class Play {
 public:
  Play() : table_(loop_, directory(), config(), events_) {
    auto [ours, theirs] = os::socket_pair(SOCK_SEQPACKET);
    ours_ = std::move(ours);
    inside_ = std::move(theirs);
  }

  void open() { table_.init().open(std::move(ours_), table_, Deadline::in(Duration::zero())); }

  void act(Script& script) {
    const auto what = script.byte() % 9;
    const auto how = script.byte();
    switch (what) {
      case 0: return run(how);
      case 1: return report(script, how);
      case 2: return send(script.take(how * 2), 0);
      case 3:
        return with_client(
            [&](Client& c, const auto& done) { table_.attach("p" + std::to_string(how % 4), std::move(c.main), "", done); });
      case 4: return output(how);
      case 5: {
        ++stops_;
        return table_.stop(how % 2 == 0, [this] { ++stopped_; });
      }
      case 6: return client_says(how);
      case 7:
        if (how < clients_.size()) clients_[how].main.reset(), clients_[how].answers |= 0x100;
        return;
      default: return pump();
    }
  }

  void say(const std::string& bytes) { send(bytes, 0); }

  // Lets the shim see and answer all that is there.
  void pump() {
    loop_.post([this] { loop_.stop(); });
    loop_.run();
    char bytes[16384];
    while (::recv(inside_.get(), bytes, sizeof bytes, MSG_DONTWAIT) > 0) {
    }
    for (auto& client : clients_) {
      if (!client.main) continue;
      for (ssize_t n = 0; (n = ::recv(client.main.get(), bytes, sizeof bytes, MSG_DONTWAIT)) > 0;)
        client.said.append(bytes, static_cast<std::size_t>(n));
    }
  }

  // Its process ends, and so does its socket, unless others hold on to that.
  void end(bool socket_too) {
    if (socket_too) ::shutdown(inside_.get(), SHUT_RDWR);
    else table_.init().ended();
    for (int i = 0; table_.container_running(); ++i) {
      fuzz_check(i < 1000, "the end of the init is noticed");
      pump();
    }
    for (int i = 0; i < 3; ++i) pump();
    fuzz_check(stopped_ == stops_, "every stop comes to its end once");
    for (const auto& process : table_.describe()) fuzz_check(process["running"] == false, "no process outlives the init");
    for (const auto& client : clients_) {
      fuzz_check((client.answers & 0xff) == 1, "every question is answered once");
      if (client.main && !client.refused && !client.dropped)
        fuzz_check(client.said.find("\"exit_status\":") != std::string::npos, "every client hears how its process ended");
    }
  }

 private:
  template <typename F>
  void with_client(F ask) {
    if (clients_.size() == kMaxClients) return;
    auto [theirs, ours] = os::socket_pair(SOCK_STREAM);
    Client passed;
    passed.main = std::move(ours);
    auto& client = clients_.emplace_back();
    client.main = std::move(theirs);
    ask(passed, [&client](const shim::Refusal* refusal, const std::string&) {
      ++client.answers;
      client.refused = refusal != nullptr;
    });
  }

  void run(std::uint8_t how) {
    protocol::garden::ProcessSpec spec;
    if (how % 8 < 4) spec.id = "p" + std::to_string(how % 4);
    spec.path = "sh";
    if (how >= 128) spec.tty = protocol::garden::WindowSize{};
    with_client(
        [&](Client& c, const auto& done) { table_.run(spec, std::move(c.main), how % 16 < 8 ? "" : "{\"source\":0}", done); });
  }

  void report(Script& script, std::uint8_t event) {
    Report report{};
    report.event = event % 9;
    report.token = script.byte() % 8;
    const auto how = script.byte();
    report.value = how < 250 ? how : static_cast<std::int32_t>(0x80000000U + how);
    std::memset(report.text, how, how % 4 == 0 ? sizeof report.text : 0);
    const std::string bytes(reinterpret_cast<const char*>(&report), sizeof report);
    for (int i = event >= 224 ? 300 : 1; i > 0; --i) send(bytes, how % 6);
  }

  // `kind`: which descriptors travel with it.
  void send(const std::string& bytes, int kind) {
    static const UniqueFd kTerminal(::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    static const UniqueFd kNull(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const int terminal = kTerminal.get(), null = kNull.get();
    const std::vector<int> fds = kind == 1   ? std::vector<int>{terminal}
                                 : kind == 2 ? std::vector<int>{null}
                                 : kind == 3 ? std::vector<int>{terminal, null}
                                 : kind == 4 ? std::vector<int>(9, null)
                                             : std::vector<int>{};
    std::string copy = bytes;
    iovec part{copy.data(), copy.size()};
    alignas(cmsghdr) char control[CMSG_SPACE(9 * sizeof(int))]{};
    msghdr wire{};
    wire.msg_iov = &part;
    wire.msg_iovlen = 1;
    if (!fds.empty()) {
      wire.msg_control = control;
      wire.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
      cmsghdr* c = CMSG_FIRSTHDR(&wire);
      c->cmsg_level = SOL_SOCKET;
      c->cmsg_type = SCM_RIGHTS;
      c->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
      std::memcpy(CMSG_DATA(c), fds.data(), fds.size() * sizeof(int));
    }
    (void)!::sendmsg(inside_.get(), &wire, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  void output(std::uint8_t how) {
    if (outputs_.size() == kMaxClients || how / 2 >= static_cast<int>(clients_.size())) return;
    const auto& said = clients_[how / 2].said;
    const auto at = said.find("\"stream_id\":\"");
    auto ends = os::socket_pair(SOCK_STREAM);
    table_.output(at == std::string::npos ? "none" : said.substr(at + 13, said.find('"', at + 13) - at - 13), how % 2 == 1,
                  std::move(ends.second));
    outputs_.push_back(std::move(ends.first));
  }

  void client_says(std::uint8_t how) {
    constexpr std::string_view kWords[] = {R"({"source":0,"data":"input"})", R"({"source":0})", R"({"signal":0})",
                                           R"({"tty":{"window_size":{"columns":1,"rows":2}}})", "no JSON"};
    const auto who = how / 5;
    if (who >= static_cast<int>(clients_.size()) || !clients_[who].main) return;
    const auto words = kWords[how % 5];
    (void)!::send(clients_[who].main.get(), words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    // It is dropped for that, and hears nothing more.
    if (how % 5 == 4) clients_[who].dropped = true;
  }

  EventLoop loop_;
  std::vector<UniqueFd> outputs_;
  std::deque<Client> clients_;  // others hold references into it
  int stops_ = 0, stopped_ = 0;
  shim::Events events_;
  shim::ProcessTable table_;
  UniqueFd ours_, inside_;
};

std::string hello() {
  Report report{};
  report.event = static_cast<std::uint32_t>(init_wire::Event::hello);
  report.value = init_wire::kVersion;
  return {reinterpret_cast<const char*>(&report), sizeof report};
}

}  // namespace

std::vector<std::string> concourse::testing::fuzz_seeds() {
  const auto script = [](std::initializer_list<int> bytes) { return std::string(bytes.begin(), bytes.end()); };
  constexpr int kProper = 1, kRun = 0, kReport = 1, kRaw = 2, kAttach = 3, kOutput = 4, kStop = 5, kSay = 6, kLeave = 7, kPump = 8;
  return {script({kProper, kRun,    0, kReport, 2, 1,       5, kPump, 0, kOutput, 0, kOutput,
                  1,       kAttach, 0, kPump,   0, kReport, 4, 1,     0, kPump,   0}),
          script({kProper, kRun, 128, kReport, 6, 1, 1, kReport, 2, 1, 5, kPump, 0, kSay, 3, kSay, 0, kReport, 4, 1, 137}),
          script({kProper, kRun, 1,     kReport, 3,     1, 1,     kPump, 0,       kRun, 1, kReport, 2,
                  2,       5,    kPump, 0,       kStop, 1, kPump, 0,     kReport, 5,    0, 5}),
          script({kProper, kRun, 0, kRun, 0, kRun, 129, kReport, 6, 2, 2, kPump, 0}),
          script({kProper, kRun, 0, kRaw, 10, 1, 2, 3, kPump, 0, kStop, 0}),
          script({kProper, kRun, 0, kReport, 2, 1, 5, kPump, 0, kSay, 4, kPump, 0, kLeave, 0, kReport, 227, 1, 7, kPump, 0}),
          script({0, 1, 0}),
          script({kProper}),
          script({kProper + 8, kRun, 0, kReport, 2, 1, 5, kReport, 4, 1, 3})};
}

void concourse::testing::fuzz_one(std::string_view input) {
  std::signal(SIGPIPE, SIG_IGN);  // as the shim does
  Script script(input);
  Play play;
  const auto first = script.byte();
  play.say(first % 8 != 0 ? hello() : script.take(40));
  try {
    play.open();
  } catch (const Error&) {
    return;  // a container that doesn't begin as it should isn't one
  }
  for (std::size_t i = 0; i < kMaxActions && script.more(); ++i) play.act(script);
  play.end(first % 16 < 8);
}
