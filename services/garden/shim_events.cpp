#include "services/garden/shim_events.hpp"

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/os/unix_socket.hpp"
#include "common/protocol/shim.hpp"

namespace concourse::garden {

namespace {

namespace wire = concourse::protocol::shim;

// A question is far smaller than a socket's buffer, an answer comes in one piece: neither is really waited for.
constexpr auto kWireLimit = std::chrono::milliseconds(500);

void log_event(const std::string& handle, const Json& event) {
  const auto name = string_field(event, "event"), process = string_field(event, "process");
  const auto time = int_field(event, "time");
  const log::RequestScope cause(string_field(event, "request"));  // not the one in which we hear of it
  if (name == "process started")
    log::write(log::Level::info, name, {{"handle", handle}, {"process", process}, {"tty", bool_field(event, "tty")}}, time);
  else if (name == "process ended")
    log::write(log::Level::info, name, {{"handle", handle}, {"process", process}, {"status", int_field(event, "status")}}, time);
  else if (name == "out of memory")
    log::write(log::Level::warn, name, {{"handle", handle}, {"kills", uint_field(event, "kills")}}, time);
  else log::write(log::Level::info, name, {{"handle", handle}}, time);  // of a newer shim
}

}  // namespace

ShimEvents::~ShimEvents() {
  for (const auto& [handle, followed] : followed_) hang_up(*followed);
}

void ShimEvents::follow(const std::string& handle, const std::filesystem::path& dir) {
  auto followed = std::make_shared<Followed>();
  followed->dir = dir;
  {
    const std::lock_guard lock(mutex_);
    followed_[handle] = followed;
  }
  loop_.post([this, handle, followed] { ask(handle, followed); });
}

std::shared_ptr<ShimEvents::Followed> ShimEvents::find(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  const auto found = followed_.find(handle);
  return found == followed_.end() ? nullptr : found->second;
}

void ShimEvents::told(const std::string& handle, const Json& answer) {
  const auto followed = find(handle);
  const auto* events = find_field(answer, "events");
  if (followed == nullptr || events == nullptr || !events->is_array()) return;
  const std::lock_guard lock(mutex_);
  if (const auto lost = uint_field(answer, "lost"); lost > 0)
    log::warn("events of a container were lost while no Garden asked for them", {{"handle", handle}, {"count", lost}});
  for (const auto& event : *events) {
    const auto number = uint_field(event, "number");
    if (number <= followed->logged) continue;
    log_event(handle, event);
    followed->logged = number;
  }
}

void ShimEvents::end_expected(const std::string& handle) {
  const std::lock_guard lock(mutex_);
  if (const auto found = followed_.find(handle); found != followed_.end()) found->second->end_expected = true;
}

void ShimEvents::forget(const std::string& handle) {
  const auto followed = find(handle);
  if (followed == nullptr) return;
  {
    const std::lock_guard lock(mutex_);
    followed_.erase(handle);
  }
  loop_.post([this, followed] { hang_up(*followed); });
}

void ShimEvents::hang_up(Followed& followed) {
  if (followed.connection) loop_.unwatch(followed.connection.get());
  followed.connection.reset();
}

void ShimEvents::ask(const std::string& handle, const std::shared_ptr<Followed>& followed) {
  if (find(handle) != followed) return;  // destroyed meanwhile
  std::uint64_t logged = 0;
  {
    const std::lock_guard lock(mutex_);
    logged = followed->logged;
  }
  try {
    followed->connection = os::connect_unix(wire::socket_path(followed->dir), Deadline::in(kWireLimit));
    os::send_frame(followed->connection.get(), dump_json({{"question", wire::kEvents}, {"after", logged}}) + "\n", {},
                   Deadline::in(kWireLimit));
    loop_.watch(followed->connection.get(), EPOLLIN, [this, handle, followed](std::uint32_t) { answered(handle, followed); });
  } catch (const std::exception& e) {
    hang_up(*followed);
    const auto* error = dynamic_cast<const Error*>(&e);
    if (error == nullptr || error->kind() == ErrorKind::timeout)
      loop_.after(kWireLimit, [this, handle, followed] { ask(handle, followed); });  // it is busy, or we are
    else shim_ended(handle, *followed);
  }
}

void ShimEvents::answered(const std::string& handle, const std::shared_ptr<Followed>& followed) {
  try {
    const auto frame = os::receive_frame(followed->connection.get(), Deadline::in(kWireLimit));
    hang_up(*followed);
    if (!frame) return shim_ended(handle, *followed);
    const Json answer = parse_json(frame->body);
    if (!bool_field(answer, "ok"))
      return log::debug("a shim of an older version tells no events",
                        {{"handle", handle}, {"answer", string_field(answer, "error")}});
    told(handle, answer);
    ask(handle, followed);
  } catch (const SysError&) {  // reset: it ended before it had read the question
    hang_up(*followed);
    shim_ended(handle, *followed);
  } catch (const std::exception& e) {  // one container less is heard of, and Garden goes on
    hang_up(*followed);
    log::warn("a shim tells nothing that can be understood", {{"handle", handle}, {"error", e.what()}});
  }
}

void ShimEvents::shim_ended(const std::string& handle, const Followed& followed) {
  if (find(handle).get() != &followed) return;
  const std::lock_guard lock(mutex_);
  if (!followed.end_expected) log::warn("the shim of a container has ended, and the container with it", {{"handle", handle}});
}

}  // namespace concourse::garden
