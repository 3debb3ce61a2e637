#include "services/shim/process.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"

namespace concourse::shim {

namespace {

// How long an attachment of an ended process is kept for a client that hasn't come for its outputs, as in the peers.
constexpr auto kUnclaimed = std::chrono::seconds(60);

// The head promises chunks and none come: clients of the hijacked routes take the socket over, and their HTTP library insists
// on a framing that allows it.
std::string head(int status, const char* content_type) {
  return std::string("HTTP/1.1 ") + (status == 201 ? "201 Created" : "200 OK") + "\r\n" + content_type +
         "Transfer-Encoding: chunked\r\n\r\n";
}

std::string message(const Json& json) { return dump_json(json) + "\n"; }

}  // namespace

Process::Process(EventLoop& loop, InitChannel& init, std::string id, std::uint32_t token, bool tty, std::string request)
    : loop_(loop), init_(init), id_(std::move(id)), token_(token), tty_(tty), request_(std::move(request)) {}

Process::~Process() { *alive_ = false; }

void Process::started(ProcessStreams streams) {
  if (tty_) {
    terminal_ = UniqueFd(fcntl(streams.out.get(), F_DUPFD_CLOEXEC, 0));
    streams.in = UniqueFd(fcntl(streams.out.get(), F_DUPFD_CLOEXEC, 0));
  }
  out_ = std::make_unique<Output>(loop_, std::move(streams.out));
  err_ = std::make_unique<Output>(loop_, std::move(streams.err));
  in_ = std::make_unique<StdinPipe>(loop_, std::move(streams.in), [this] {
    for (auto& attachment : attachments_) attachment.main->resume();
  });
}

void Process::exited(int status) {
  exit_status_ = status;
  in_->close();
  out_->process_exited([this] {
    terminal_.reset();
    in_->drop();
  });
  err_->process_exited();
  for (auto& attachment : attachments_) finish(attachment);
}

void Process::note(std::string line) {
  if (tty_) line.insert(line.size() - 1, "\r");
  (tty_ ? out_ : err_)->note(line);
}

void Process::finish(Attachment& attachment) {
  attachment.main->finish(message({{"process_id", id_}, {"exit_status", *exit_status_}}));
  attachment.expiry = loop_.after(kUnclaimed, [this, stream_id = attachment.stream_id] { drop_unclaimed(stream_id); });
}

// A client that is still reading, however slowly, keeps what it reads.
void Process::drop_unclaimed(const std::string& stream_id) {
  Attachment* attachment = find(stream_id);
  if (attachment == nullptr) return;
  for (const auto& [output, reader] : {std::pair(out_.get(), &attachment->out), std::pair(err_.get(), &attachment->err)})
    if (*reader != nullptr && !Output::connected(**reader)) output->remove_reader(*std::exchange(*reader, nullptr));
  if (attachment->out == nullptr && attachment->err == nullptr) detach(stream_id);
}

void Process::drop_unclaimed() {
  std::vector<std::string> streams;
  for (const auto& attachment : attachments_) streams.push_back(attachment.stream_id);
  for (const auto& stream_id : streams) drop_unclaimed(stream_id);
}

void Process::attach(UniqueFd connection, std::string_view leftover, int http_status) {
  auto& attachment = attachments_.emplace_back();
  attachment.stream_id = random_hex(8);
  const auto& stream_id = attachment.stream_id;
  attachment.out = &out_->add_reader([this, stream_id, alive = alive_] {
    if (*alive) reader_closed(stream_id, false);
  });
  attachment.err = &err_->add_reader([this, stream_id, alive = alive_] {
    if (*alive) reader_closed(stream_id, true);
  });
  auto first = head(http_status, "Content-Type: application/json\r\n") + message({{"process_id", id_}, {"stream_id", stream_id}});
  attachment.main = std::make_unique<MainStream>(loop_, std::move(connection), std::move(first), leftover, *this,
                                                 [this, stream_id, alive = alive_] {
                                                   if (*alive) detach(stream_id);
                                                 });
  if (exit_status_) finish(attachment);
}

Process::Attachment* Process::find(const std::string& stream_id) {
  for (auto& attachment : attachments_)
    if (attachment.stream_id == stream_id) return &attachment;
  return nullptr;
}

bool Process::connect_output(const std::string& stream_id, bool is_stderr, UniqueFd& connection) {
  Attachment* attachment = find(stream_id);
  Output::Reader* reader = attachment == nullptr ? nullptr : is_stderr ? attachment->err : attachment->out;
  if (reader == nullptr) return false;
  return (is_stderr ? err_ : out_)->connect(*reader, connection, head(200, ""));
}

void Process::reader_closed(const std::string& stream_id, bool is_stderr) {
  Attachment* attachment = find(stream_id);
  if (attachment == nullptr) return;
  auto*& reader = is_stderr ? attachment->err : attachment->out;
  if (reader != nullptr) (is_stderr ? err_ : out_)->remove_reader(*reader);
  reader = nullptr;
  if (exit_status_ && attachment->out == nullptr && attachment->err == nullptr) detach(stream_id);
}

void Process::detach(const std::string& stream_id) {
  Attachment* attachment = find(stream_id);
  if (attachment == nullptr) return;
  loop_.cancel(attachment->expiry);
  if (attachment->out != nullptr) out_->remove_reader(*attachment->out);
  if (attachment->err != nullptr) err_->remove_reader(*attachment->err);
  attachments_.remove_if([&](const auto& a) { return &a == attachment; });
}

void Process::input(std::string_view bytes) { in_->write(bytes); }
bool Process::input_full() const { return in_->full(); }

void Process::input_ended() {
  // A terminal has no end of input: its users type one.
  if (!tty_) in_->close();
}

void Process::resize(protocol::garden::WindowSize size) {
  const winsize window{size.rows, size.columns, 0, 0};
  if (terminal_) ioctl(terminal_.get(), TIOCSWINSZ, &window);
}

void Process::signal(int number) { init_.signal(token_, number); }

}  // namespace concourse::shim
