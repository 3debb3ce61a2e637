// The service manager's end of sd_notify(3): services tell here when they are ready and what they are doing.
//
// The sender is known by the kernel's word (SCM_CREDENTIALS), not by anything in the message.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::supervisor {

struct Notification {
  bool ready = false;
  bool stopping = false;
  bool watchdog = false;
  bool registered = false;            // the beacon: the web knows of it
  std::optional<std::string> status;  // one line about what the service does, or why it ends
  std::optional<int> exit_status;     // it is about to exit with this
  std::optional<Duration> extend;     // EXTEND_TIMEOUT_USEC: it needs this much longer, from now
};

// Unknown assignments are ignored, as the protocol asks.
Notification parse_notification(std::string_view text);

class NotifySocket {
 public:
  using Callback = std::function<void(pid_t sender, const Notification& notification)>;

  // Binds at `path`, replacing what an earlier supervisor left there.
  NotifySocket(EventLoop& loop, std::filesystem::path path, Callback callback);
  ~NotifySocket();
  NotifySocket(const NotifySocket&) = delete;
  NotifySocket& operator=(const NotifySocket&) = delete;

  const std::filesystem::path& path() const { return path_; }

  // Handles what has arrived already. To be called before the end of a service is judged: its last word must come first.
  void drain();

 private:
  EventLoop& loop_;
  std::filesystem::path path_;
  Callback callback_;
  UniqueFd socket_;
};

}  // namespace concourse::supervisor
