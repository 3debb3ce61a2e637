// Every process of the container by id, from its start until the container is destroyed: an id is never used twice, and an
// ended process can still be attached to.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "services/shim/events.hpp"
#include "services/shim/oom_watch.hpp"
#include "services/shim/process.hpp"

namespace concourse::shim {

// A refusal that Garden turns into one of its error types; `kind` is one of common/protocol/shim.hpp.
struct Refusal {
  std::string kind;
  std::string error;
};

class ProcessTable : public InitEvents {
 public:
  // Null for success.
  using Done = std::function<void(const Refusal* refusal, const std::string& process_id)>;

  ProcessTable(EventLoop& loop, std::filesystem::path container_dir, const protocol::shim::Config& config, Events& events);

  InitChannel& init() { return init_; }
  OomWatch& oom_watch() { return oom_watch_; }

  // Starts a process and answers its client on `connection`, or tells `done` why not, with nothing sent. `request`: what Garden's
  // log calls this, told with the process' events.
  void run(protocol::garden::ProcessSpec spec, UniqueFd connection, std::string leftover, Done done, std::string request = {});
  void attach(const std::string& process_id, UniqueFd connection, const std::string& leftover, const Done& done);
  void output(const std::string& stream_id, bool is_stderr, UniqueFd connection);

  // The container is being destroyed: run refuses from now on.
  void refuse_more() { refusing_ = true; }
  // TERM, and KILL to what is left after the grace time; or KILL at once. `done` when nothing is left.
  void stop(bool kill, std::function<void()> done);

  Json describe() const;
  // True once every client has got its streams to their end.
  bool unattended() const;
  // Nobody comes for an output any more.
  void drop_unclaimed();
  bool container_running() const { return init_.is_open(); }
  void on_container_gone(std::function<void(const std::string& why)> callback) { on_gone_ = std::move(callback); }

  // InitEvents
  void process_spawned(std::uint32_t token) override;
  void process_terminal(std::uint32_t token, UniqueFd master) override;
  void process_failed(std::uint32_t token, init_wire::Failure failure, const std::string& why) override;
  void process_exited(std::uint32_t token, int status) override;
  void quiet() override;
  void init_gone(const std::string& why) override;

 private:
  struct Starting {
    std::string process_id;
    ProcessStreams streams;
    UniqueFd connection;
    std::string leftover;
    Done done;
  };

  ProcessStreams make_pipes(UniqueFd ends[3]) const;
  void end_process(Process& process, int status);
  void add_event(std::string_view name, const Process& process, Json fields);

  EventLoop& loop_;
  const std::filesystem::path dir_;
  const std::vector<std::string> environment_;
  const std::uint32_t owner_;
  Events& events_;
  InitChannel init_;
  OomWatch oom_watch_;
  std::map<std::string, std::unique_ptr<Process>> processes_;
  std::map<std::uint32_t, Process*> by_token_;  // started, not ended
  std::map<std::uint32_t, Starting> starting_;
  std::uint32_t next_token_ = 1;
  bool refusing_ = false;
  std::vector<std::function<void()>> stopping_;
  EventLoop::TimerId grace_ = 0;
  std::function<void(const std::string&)> on_gone_;
};

}  // namespace concourse::shim
