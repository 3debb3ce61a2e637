#include "services/garden/files.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <vector>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log.hpp"
#include "common/os/process.hpp"
#include "common/os/unix_socket.hpp"

namespace concourse::garden {

namespace {

constexpr std::size_t kBlock = 256 << 10;  // bytes
constexpr int kProc = 3;                   // the descriptor that nstar expects

struct Pipe {
  UniqueFd read_end, write_end;
  Pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) throw SysError("make a pipe");
    read_end.reset(ends[0]);
    write_end.reset(ends[1]);
  }
};

// A running nstar and our end of its stream.
class Transfer {
 public:
  Transfer(const Container& container, const FilesRequest& files, bool in) : limit_(files.limit) {
    const auto proc = container.shim().init_proc(limit_.deadline());
    Pipe data, errors;
    child_ = os::Child::spawn(
        {.argv = {files.nstar, in ? "in" : "out", files.user, files.path},
         .env = std::vector<std::string>{},
         .fds = {{in ? data.read_end.get() : data.write_end.get(), in ? 0 : 1}, {errors.write_end.get(), 2}, {proc.get(), kProc}},
         .working_dir = "/"});
    stream_ = in ? std::move(data.write_end) : std::move(data.read_end);
    ::fcntl(stream_.get(), F_SETFL, O_NONBLOCK);
    ::fcntl(stream_.get(), F_SETPIPE_SZ, 1 << 20);
    errors_ = std::move(errors.read_end);
  }

  // False when nstar reads no more: it has failed.
  bool write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::write(stream_.get(), bytes.data(), bytes.size());
      if (n < 0 && errno == EPIPE) return false;
      if (n < 0 && errno == EAGAIN) wait(POLLOUT);
      else if (n < 0 && errno != EINTR) throw SysError("write to nstar");
      else if (n > 0) bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  // 0 at the end.
  std::size_t read(char* bytes, std::size_t size, const std::function<bool()>& cancelled = {}) {
    for (;;) {
      const auto n = ::read(stream_.get(), bytes, size);
      if (n >= 0) return static_cast<std::size_t>(n);
      if (errno == EAGAIN) wait(POLLIN, cancelled);
      else if (errno != EINTR) throw SysError("read from nstar");
    }
  }

  // Throws what nstar had to say, if it failed.
  void finish(const char* what) {
    stream_.reset();
    const auto status = child_.wait(limit_.deadline());
    if (!status) throw Error(ErrorKind::timeout, std::string(what) + ": no end within " + limit_.deadline().limit());
    if (status->code == 0) return;
    char text[4096];
    const auto n = ::read(errors_.get(), text, sizeof text);
    const auto said = trim(std::string_view(text, n > 0 ? static_cast<std::size_t>(n) : 0));
    throw Error(ErrorKind::internal, std::string(what) + ": " + (said.empty() ? status->text() : std::string(said)));
  }

 private:
  void wait(short events, const std::function<bool()>& cancelled = {}) {
    constexpr auto kLook = std::chrono::seconds(1);  // between two looks at whether anybody still wants it
    for (const auto deadline = limit_.deadline(); !deadline.passed();) {
      if (os::wait_for(stream_.get(), events, Deadline::in(kLook))) return;
      if (cancelled && cancelled()) throw Error(ErrorKind::cancelled, "the client has gone");
    }
    throw Error(ErrorKind::timeout, "the container's files didn't move for " + limit_.deadline().limit());
  }

  const RequestLimit limit_;
  os::Child child_;
  UniqueFd stream_, errors_;
};

}  // namespace

void stream_in(const Container& container, const FilesRequest& files, http::BodyReader& body) {
  Transfer transfer(container, files, true);
  std::vector<char> block(kBlock);
  while (const auto n = body.read(block.data(), block.size()))
    if (!transfer.write({block.data(), n})) break;
  transfer.finish("error streaming in");
}

void stream_out(const std::shared_ptr<Container>& container, const FilesRequest& files, http::Reply& reply) {
  const auto transfer = std::make_shared<Transfer>(*container, files, false);
  const auto block = std::make_shared<std::vector<char>>(kBlock);
  // The first bytes are there before the status is: a source that doesn't exist is an error and not an empty archive.
  const auto first = transfer->read(block->data(), block->size());
  if (first == 0) transfer->finish("error streaming out");
  reply.content_type = "application/x-tar";
  const auto in_use = std::make_shared<Container::InUse>(container);  // longer than the handler runs
  reply.stream([transfer, block, first, in_use, handle = container->handle()](http::ChunkWriter& out) {
    try {
      for (auto n = first; n > 0; n = transfer->read(block->data(), block->size(), [&] { return out.client_gone(); }))
        if (!out.write({block->data(), n})) return;
      transfer->finish("error streaming out");
      out.finish();
    } catch (const std::exception& e) {
      log::error("stream-out broken off", {{"handle", handle}, {"error", e.what()}});
    }
  });
}

}  // namespace concourse::garden
