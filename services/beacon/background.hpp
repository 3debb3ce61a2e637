// Blocking calls (HTTP to a local service, name look-ups) on threads of their own, with the outcome brought back to the loop's
// thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "common/base/error.hpp"
#include "common/daemon/log_request.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::beacon {

class Background {
 public:
  explicit Background(EventLoop& loop) : gate_(std::make_shared<Gate>()) { gate_->loop = &loop; }
  // Outcomes that come later are dropped. Threads are not waited for: their calls have deadlines of their own.
  ~Background() {
    const std::lock_guard lock(gate_->mutex);
    gate_->loop = nullptr;
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // Runs `work` on a thread, then `done(result, error)` on the loop's, both under the request that is worked on now: the result is
  // there unless `error` says why not. Nothing is called once `owner` has gone, so `done` may use what the owner of that token
  // owns.
  template <typename Work, typename Done>
  void run(const std::weak_ptr<void>& owner, Work work, Done done) {
    using Result = decltype(work());
    std::thread(log::in_this_request([gate = gate_, owner, work = std::move(work), done = std::move(done)]() mutable {
      auto result = std::make_shared<std::optional<Result>>();
      std::string error;
      try {
        result->emplace(work());
      } catch (const std::exception& e) {
        error = e.what();
      }
      const std::lock_guard lock(gate->mutex);
      if (gate->loop == nullptr) return;
      gate->loop->post(log::in_this_request([owner, done = std::move(done), result, error]() mutable {
        if (!owner.expired()) done(std::move(*result), error);
      }));
    })).detach();
  }

 private:
  struct Gate {
    std::mutex mutex;  // guards loop
    EventLoop* loop = nullptr;
  };
  std::shared_ptr<Gate> gate_;
};

}  // namespace concourse::beacon
