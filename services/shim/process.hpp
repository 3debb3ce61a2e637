// One process of the container, as its clients see it: an id, two outputs, an input, an exit status, and any number of
// attachments that come and go without touching it.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>

#include "services/shim/init_channel.hpp"
#include "services/shim/main_stream.hpp"
#include "services/shim/output.hpp"
#include "services/shim/stdin_pipe.hpp"

namespace concourse::shim {

// Our ends of a process' standard streams.
struct ProcessStreams {
  UniqueFd in, out, err;
};

class Process : public ProcessControls {
 public:
  Process(EventLoop& loop, InitChannel& init, std::string id, std::uint32_t token, bool tty, std::string request);
  ~Process() override;

  const std::string& id() const { return id_; }
  std::uint32_t token() const { return token_; }
  bool tty() const { return tty_; }
  const std::string& request() const { return request_; }  // with which it was run, by id
  std::optional<int> exit_status() const { return exit_status_; }

  // The program runs; with a terminal all three streams are its master.
  void started(ProcessStreams streams);
  // A line for whoever reads its errors; with a terminal that is its one stream.
  void note(std::string line);
  // It has ended, and its status is safely on disk: its clients are told at once. Its outputs end a little later, when nobody
  // writes there any more (Output::Patience); then no descriptor of it is left.
  void exited(int status);

  // Answers a Run (201) or an Attach (200) on the client's connection, and goes on from there.
  void attach(UniqueFd connection, std::string_view leftover, int http_status);
  // Brings the client's connection for one of the outputs of an attachment. False if `stream_id` isn't ours.
  bool connect_output(const std::string& stream_id, bool is_stderr, UniqueFd& connection);
  bool has_attachments() const { return !attachments_.empty(); }
  // Of the outputs of ended attachments, forgets those for which no client has come: none can any more.
  void drop_unclaimed();

  // ProcessControls
  void input(std::string_view bytes) override;
  bool input_full() const override;
  void input_ended() override;
  void resize(protocol::garden::WindowSize size) override;
  void signal(int number) override;

 private:
  struct Attachment {
    std::string stream_id;
    std::unique_ptr<MainStream> main;
    Output::Reader* out = nullptr;  // null once closed
    Output::Reader* err = nullptr;
    EventLoop::TimerId expiry = 0;
  };

  void reader_closed(const std::string& stream_id, bool is_stderr);
  void detach(const std::string& stream_id);
  void drop_unclaimed(const std::string& stream_id);
  void finish(Attachment& attachment);
  Attachment* find(const std::string& stream_id);

  EventLoop& loop_;
  InitChannel& init_;
  const std::string id_;
  const std::uint32_t token_;
  const bool tty_;
  const std::string request_;
  UniqueFd terminal_;  // for window sizes
  std::unique_ptr<Output> out_, err_;
  std::unique_ptr<StdinPipe> in_;
  std::list<Attachment> attachments_;
  std::optional<int> exit_status_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);  // for calls that come back through the loop
};

}  // namespace concourse::shim
