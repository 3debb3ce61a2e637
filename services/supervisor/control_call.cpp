#include "services/supervisor/control_call.hpp"

#include "common/base/error.hpp"
#include "common/daemon/control.hpp"
#include "common/daemon/log_request.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::supervisor {

namespace {
// A question is far smaller than a socket's buffer, an answer comes in one piece: neither is really waited for.
constexpr auto kWireLimit = std::chrono::milliseconds(500);
}  // namespace

ControlCall::ControlCall(EventLoop& loop, const std::filesystem::path& socket, const Json& question, Duration limit, Done done)
    : loop_(loop), done_(log::in_this_request(std::move(done))) {
  try {
    connection_ = os::connect_unix(socket, Deadline::in(kWireLimit));
    os::send_frame(connection_.get(), dump_json(daemon::with_request(question)), {}, Deadline::in(kWireLimit));
  } catch (const std::exception& e) {
    timer_ = loop_.after(Duration::zero(), [this, text = std::string(e.what())] { finish({}, text); });
    return;
  }
  loop_.watch(connection_.get(), EPOLLIN, [this](std::uint32_t) { receive(); });
  timer_ = loop_.after(limit, [this] { finish({}, "no answer in time"); });
}

ControlCall::~ControlCall() {
  loop_.cancel(timer_);
  if (connection_) loop_.unwatch(connection_.get());
}

void ControlCall::receive() {
  Json answer;
  std::string error;
  try {
    const auto frame = os::receive_frame(connection_.get(), Deadline::in(kWireLimit));
    if (!frame) throw Error(ErrorKind::unavailable, "it hung up without an answer");
    answer = parse_json(frame->body);
    if (!bool_field(answer, "ok")) error = string_field(answer, "error", "refused without a reason");
  } catch (const std::exception& e) {
    error = e.what();
  }
  finish(answer, error);
}

void ControlCall::finish(const Json& answer, const std::string& error) {
  loop_.cancel(std::exchange(timer_, 0));
  if (connection_) loop_.unwatch(connection_.get());
  connection_.reset();
  const auto done = std::move(done_);  // it may drop this object
  done(answer, error);
}

}  // namespace concourse::supervisor
