// Logs what happens inside containers (processes start and end, memory runs out) on behalf of their shims, which outlive Garden and
// have no log. Each shim keeps an event until we have said that it is logged: what happens while no Garden runs is told to the
// next one, and logged with the time at which it happened. A Garden that is killed in between logs an event twice at worst.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/json.hpp"
#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"

namespace concourse::garden {

// All but the constructor and destructor may be called from any thread; the asking is done on the loop's.
class ShimEvents {
 public:
  explicit ShimEvents(EventLoop& loop) : loop_(loop) {}
  ~ShimEvents();  // on the loop's thread, which isn't running any more
  ShimEvents(const ShimEvents&) = delete;
  ShimEvents& operator=(const ShimEvents&) = delete;

  // From now on the events of that container's shim are logged; `dir` is the container's.
  void follow(const std::string& handle, const std::filesystem::path& dir);
  // An answer with events that came another way. Each is logged once.
  void told(const std::string& handle, const Json& answer);
  // The shim is going to be ended: nothing to be surprised at.
  void end_expected(const std::string& handle);
  void forget(const std::string& handle);

 private:
  struct Followed {
    std::filesystem::path dir;
    UniqueFd connection;  // with an open question; the loop's thread only
    std::uint64_t logged = 0;
    bool end_expected = false;
  };

  std::shared_ptr<Followed> find(const std::string& handle);
  void ask(const std::string& handle, const std::shared_ptr<Followed>& followed);
  void answered(const std::string& handle, const std::shared_ptr<Followed>& followed);
  void hang_up(Followed& followed);
  void shim_ended(const std::string& handle, const Followed& followed);

  EventLoop& loop_;
  std::mutex mutex_;  // guards followed_, and `logged` and `end_expected` of each
  std::map<std::string, std::shared_ptr<Followed>> followed_;
};

}  // namespace concourse::garden
