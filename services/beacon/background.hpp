// Blocking calls (HTTP to a local service, name look-ups) on threads of their own, with the outcome brought back to the loop's
// thread.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "common/base/error.hpp"
#include "common/base/helpers.hpp"
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
  // there unless `error` says why not, which may be that there are no more threads. Nothing is called once `owner` has gone, so
  // `done` may use what the owner of that token owns. On the loop's thread; throws nothing for lack of threads.
  template <typename Work, typename Done>
  void run(const std::weak_ptr<void>& owner, Work work, Done done) {
    using Result = decltype(work());
    const auto finish = std::make_shared<Done>(std::move(done));
    const auto tell = [gate = gate_, owner, finish](std::optional<Result> result, const std::string& error) {
      const auto shared = std::make_shared<std::optional<Result>>(std::move(result));
      const std::lock_guard lock(gate->mutex);
      if (gate->loop == nullptr) return;
      gate->loop->post(log::in_this_request([owner, finish, shared, error] {
        if (!owner.expired()) (*finish)(std::move(*shared), error);
      }));
    };
    try {
      std::thread(log::in_this_request([tell, work = std::move(work)]() mutable {
        std::optional<Result> result;
        std::string error;
        try {
          result.emplace(work());
        } catch (const std::exception& e) {
          error = e.what();
        }
        tell(std::move(result), error);
      })).detach();
    } catch (const std::system_error& e) {
      tell(std::nullopt, no_thread(e));
    }
  }

 private:
  struct Gate {
    std::mutex mutex;  // guards loop
    EventLoop* loop = nullptr;
  };
  std::shared_ptr<Gate> gate_;
};

}  // namespace concourse::beacon
