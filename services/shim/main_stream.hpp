// The main connection of one Run or Attach: JSON messages of the client (input, window size, signal) and ours (the ids, the exit
// status). Format: docs/protocols/garden.md, "Process streams".
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "common/base/unique_fd.hpp"
#include "common/loop/event_loop.hpp"
#include "common/protocol/garden.hpp"
#include "services/shim/json_scanner.hpp"

namespace concourse::shim {

// What a client can ask of its process.
class ProcessControls {
 public:
  virtual ~ProcessControls() = default;
  virtual void input(std::string_view bytes) = 0;
  virtual bool input_full() const = 0;
  virtual void input_ended() = 0;
  virtual void resize(protocol::garden::WindowSize size) = 0;
  virtual void signal(int number) = 0;
};

class MainStream {
 public:
  // Sends `head` at once. `leftover` is what the client had sent behind its request. `on_gone`: the client has closed the
  // connection or broken the protocol; called once, never from inside the constructor, not after finish().
  MainStream(EventLoop& loop, UniqueFd connection, std::string head, std::string_view leftover, ProcessControls& process,
             std::function<void()> on_gone);
  ~MainStream();
  MainStream(const MainStream&) = delete;

  // The last message, then a bare FIN.
  void finish(const std::string& message);
  // The process reads its input again.
  void resume();

 private:
  void on_event(std::uint32_t events);
  void read(bool to_the_end);
  void obey(const std::string& text);
  void flush();
  void update();
  void gone();

  EventLoop& loop_;
  UniqueFd connection_;
  ProcessControls& process_;
  std::function<void()> on_gone_;
  JsonScanner scanner_;
  std::string out_;
  bool finishing_ = false;
};

}  // namespace concourse::shim
