// The talk with the container's init. What comes from it is treated as hostile: fixed size, known numbers, at most one
// descriptor, which must be a terminal; anything else ends the container.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"
#include "common/protocol/garden.hpp"
#include "common/protocol/init_wire.hpp"

namespace concourse::shim {

class InitEvents {
 public:
  virtual ~InitEvents() = default;
  virtual void process_spawned(std::uint32_t token) = 0;
  virtual void process_terminal(std::uint32_t token, UniqueFd master) = 0;
  virtual void process_failed(std::uint32_t token, init_wire::Failure failure, const std::string& why) = 0;
  virtual void process_exited(std::uint32_t token, int status) = 0;
  virtual void quiet() = 0;
  // The init has gone, and with it every process of the container.
  virtual void init_gone(const std::string& why) = 0;
};

class InitChannel {
 public:
  explicit InitChannel(EventLoop& loop) : loop_(loop) {}
  ~InitChannel();

  // Takes over the socket once the init has said hello. Throws Error if it doesn't before the deadline.
  void open(UniqueFd socket, InitEvents& events, Deadline deadline);
  // The init's process has ended: what it said before is heard, then init_gone follows.
  void ended();
  bool is_open() const { return static_cast<bool>(socket_); }

  // Descriptors are borrowed; none for a process with a terminal. Throws SysError when the init can't be reached; one that
  // doesn't read for ten seconds is gone (init_gone follows).
  void spawn(std::uint32_t token, std::string_view encoded_spec, int in, int out, int err);
  // The others never fail: when the init can't be reached, init_gone follows.
  void signal(std::uint32_t token, int number);
  void signal_all(int number);
  void quit();  // ends the container; init_gone follows

 private:
  void tell(init_wire::Order order, std::uint32_t token, std::int32_t value);
  void send(const init_wire::Request& request, const int* fds, std::size_t count);
  void read(int at_most);
  void dispatch(const init_wire::Report& report, UniqueFd fd);
  void gone(const std::string& why);

  EventLoop& loop_;
  UniqueFd socket_;
  InitEvents* events_ = nullptr;
};

// The bytes of common/protocol/init_spec.hpp. Later environment entries win over earlier ones of the same name. Throws
// Error(invalid) for a limit's unknown name and for texts with a NUL.
std::string encode_spec(const protocol::garden::ProcessSpec& spec, const std::vector<std::string>& container_environment);

}  // namespace concourse::shim
