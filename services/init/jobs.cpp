#include "services/init/jobs.hpp"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

namespace concourse::init {

using init_wire::Event;
using init_wire::Failure;
using init_wire::Order;

bool Jobs::report(Event event, std::uint32_t token, std::int32_t value, const char* text, int fd) {
  init_wire::Report message{};
  message.event = static_cast<std::uint32_t>(event);
  message.token = token;
  message.value = value;
  if (text != nullptr) std::memcpy(message.text, text, std::min(std::strlen(text), sizeof message.text - 1));
  iovec part{&message, sizeof message};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))]{};
  msghdr wire{};
  wire.msg_iov = &part;
  wire.msg_iovlen = 1;
  if (fd >= 0) {
    wire.msg_control = control;
    wire.msg_controllen = sizeof control;
    cmsghdr* c = CMSG_FIRSTHDR(&wire);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(c), &fd, sizeof fd);
  }
  ssize_t n = -1;
  do n = ::sendmsg(socket_, &wire, MSG_NOSIGNAL);
  while (n < 0 && errno == EINTR);
  return n == sizeof message;
}

bool Jobs::say_hello() { return report(Event::hello, 0, init_wire::kVersion, nullptr); }

nfds_t Jobs::starting(pollfd* watched) const {
  nfds_t n = 0;
  for (const Job* job = jobs_; job != nullptr; job = job->next)
    if (job->error_pipe >= 0) watched[n++] = {job->error_pipe, POLLIN, 0};
  return n;
}

// True once it is known whether the program runs.
bool Jobs::settle(Job& job) {
  StartError error{};
  const ssize_t n = ::read(job.error_pipe, &error, sizeof error);
  if (n < 0) return false;
  ::close(job.error_pipe);
  job.error_pipe = -1;
  if (n == 0) return report(Event::spawned, job.token, job.pid, nullptr), true;
  job.failed = true;
  error.text[sizeof error.text - 1] = '\0';
  report(Event::failed, job.token, static_cast<std::int32_t>(error.failure), error.text);
  return true;
}

void Jobs::settle_starts() {
  for (Job* job = jobs_; job != nullptr; job = job->next)
    if (job->error_pipe >= 0) settle(*job);
}

void Jobs::reap() {
  int status = 0;
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, WNOHANG)) > 0;) {
    Job** link = &jobs_;
    while (*link != nullptr && (*link)->pid != pid) link = &(*link)->next;
    if (*link == nullptr) continue;  // an orphan that was left to us
    Job* job = *link;
    // Killed between fork and exec: the pipe's end looks like success, and the exit that follows tells the truth.
    if (job->error_pipe >= 0) settle(*job);
    if (!job->failed)
      report(Event::exited, job->token, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), nullptr);
    *link = job->next;
    std::free(job);
  }
  if (ending_with_ != 0) tell_if_quiet();
}

void Jobs::tell_if_quiet() {
  siginfo_t info{};
  if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 && errno == ECHILD) {
    ending_with_ = 0;
    report(Event::quiet, 0, 0, nullptr);
  } else if (ending_with_ == SIGKILL) {
    ::kill(-1, SIGKILL);  // whoever was forked since
  }
}

void Jobs::start(std::uint32_t token, const int* fds, unsigned count) {
  Stdio stdio;
  if (count == 4) stdio = {fds[1], fds[2], fds[3]};
  Started started;
  StartError error{};
  Job* job = static_cast<Job*>(std::malloc(sizeof(Job)));
  if (job == nullptr || count == 0 || !spawn(fds[0], stdio, score_, started, error)) {
    std::free(job);
    report(Event::failed, token, static_cast<std::int32_t>(Failure::other), error.text[0] != '\0' ? error.text : "bad order");
    return;
  }
  *job = {token, started.pid, started.error_pipe, false, jobs_};
  jobs_ = job;
  if (started.terminal < 0) return;
  // The terminal goes ahead of `spawned`, as a descriptor of its own report; the shim pairs them by token.
  report(Event::terminal, token, 0, nullptr, started.terminal);
  ::close(started.terminal);
}

bool Jobs::obey() {
  for (;;) {
    pollfd unused[kMaxStarting + 1];
    if (starting(unused) >= kMaxStarting) return true;
    init_wire::Request order{};
    iovec part{&order, sizeof order};
    alignas(cmsghdr) char control[CMSG_SPACE(4 * sizeof(int))]{};
    msghdr wire{};
    wire.msg_iov = &part;
    wire.msg_iovlen = 1;
    wire.msg_control = control;
    wire.msg_controllen = sizeof control;
    const ssize_t n = ::recvmsg(socket_, &wire, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) return errno == EAGAIN || errno == EINTR;
    int fds[4];
    unsigned count = 0;
    for (cmsghdr* c = CMSG_FIRSTHDR(&wire); c != nullptr; c = CMSG_NXTHDR(&wire, c)) {
      if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
      count = static_cast<unsigned>((c->cmsg_len - CMSG_LEN(0)) / sizeof(int));
      std::memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    }
    if (n != sizeof order) return false;
    if (order.order == static_cast<std::uint32_t>(Order::spawn)) {
      start(order.token, fds, count);
    } else if (order.order == static_cast<std::uint32_t>(Order::signal)) {
      for (const Job* job = jobs_; job != nullptr; job = job->next)
        if (job->token == order.token) ::kill(job->pid, order.value);
    } else if (order.order == static_cast<std::uint32_t>(Order::signal_all)) {
      ending_with_ = order.value;
      ::kill(-1, order.value);
      tell_if_quiet();
    } else if (order.order == static_cast<std::uint32_t>(Order::quit)) {
      return false;
    }
    for (unsigned i = 0; i < count; ++i) ::close(fds[i]);
  }
}

}  // namespace concourse::init
