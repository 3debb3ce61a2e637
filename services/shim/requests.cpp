#include "services/shim/requests.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>

#include "common/base/error.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::shim {

namespace {

namespace wire = concourse::protocol::shim;

// Garden sends a question in one go, so this is only a guard against a broken one.
constexpr auto kPatience = std::chrono::seconds(5);

// The answer to one question; may be kept and used later. An answer that can't be sent concerns nobody any more.
class Answer {
 public:
  explicit Answer(UniqueFd connection) : connection_(std::make_shared<UniqueFd>(std::move(connection))) {}

  void ok(Json body = Json::object(), const std::vector<int>& fds = {}) const {
    body["ok"] = true;
    send(body, fds);
  }
  void refuse(const std::string& kind, const std::string& error) const { send({{"ok", false}, {"kind", kind}, {"error", error}}); }

 private:
  void send(const Json& body, const std::vector<int>& fds = {}) const {
    try {
      os::send_frame(connection_->get(), dump_json(body), fds, Deadline::in(kPatience));
    } catch (const std::exception&) {
    }
    connection_->reset();
  }

  std::shared_ptr<UniqueFd> connection_;
};

}  // namespace

Requests::Requests(EventLoop& loop, UniqueFd listener, Container& container, std::function<void()> on_destroyed)
    : loop_(loop), listener_(std::move(listener)), container_(container), on_destroyed_(std::move(on_destroyed)) {
  loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_one(); });
}

Requests::~Requests() { loop_.unwatch(listener_.get()); }

void Requests::accept_one() {
  UniqueFd connection(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!connection) return;
  const int fd = connection.get();
  try {
    loop_.watch(fd, EPOLLIN, [this, fd](std::uint32_t) { dispatch(fd); });
    waiting_[fd] = std::move(connection);
  } catch (const std::exception& e) {  // no room in the kernel: this one is hung up on, the container goes on
    loop_.unwatch(fd);
    dprintf(STDERR_FILENO, "concourse-shim: %s\n", e.what());
  }
}

void Requests::dispatch(int fd) {
  loop_.unwatch(fd);
  auto connection = std::move(waiting_.at(fd));
  waiting_.erase(fd);
  std::optional<os::Frame> frame;
  try {
    frame = os::receive_frame(fd, Deadline::in(kPatience));
  } catch (const std::exception&) {
  }
  if (!frame) return;
  const Answer answer(std::move(connection));
  try {
    const auto newline = frame->body.find('\n');
    const Json question = parse_json(std::string_view(frame->body).substr(0, newline));
    auto raw = newline == std::string::npos ? std::string() : frame->body.substr(newline + 1);
    const auto what = string_field(question, "question");
    const auto client = [&]() -> UniqueFd {
      if (frame->fds.empty()) throw Error(ErrorKind::invalid, "no connection came with '" + what + "'");
      return std::move(frame->fds[0]);
    };
    const auto done = [answer](const Refusal* refusal, const std::string& process_id) {
      if (refusal != nullptr) answer.refuse(refusal->kind, refusal->error);
      else answer.ok({{"process_id", process_id}});
    };

    auto& processes = container_.processes();
    if (what == wire::kRun) {
      processes.run(concourse::protocol::garden::parse_process_spec(question.at("process")), client(), std::move(raw), done,
                    string_field(question, "request"));
    } else if (what == wire::kAttach) {
      processes.attach(string_field(question, "process_id"), client(), raw, done);
    } else if (what == wire::kOutput) {
      processes.output(string_field(question, "stream_id"), string_field(question, "stream") == "stderr", client());
      answer.ok();
    } else if (what == wire::kStop) {
      container_.stop(bool_field(question, "kill"), [answer] { answer.ok(); });
    } else if (what == wire::kStatus) {
      answer.ok(container_.describe());
    } else if (what == wire::kEvents) {
      container_.events().listen(uint_field(question, "after"), [answer](Json told) { answer.ok(std::move(told)); });
    } else if (what == wire::kInit) {
      if (!processes.container_running()) throw Error(ErrorKind::unavailable, "the container has ended");
      answer.ok(Json::object(), {container_.init_proc().get()});
    } else if (what == wire::kDestroy) {
      container_.destroy([this, answer](const std::string* error) {
        if (error != nullptr) return answer.refuse(wire::kOther, *error);
        answer.ok(container_.events().unconfirmed());
        on_destroyed_();
      });
    } else {
      answer.refuse(wire::kOther, "unknown question '" + what + "'");
    }
  } catch (const std::exception& e) {
    answer.refuse(wire::kOther, e.what());
  }
}

}  // namespace concourse::shim
