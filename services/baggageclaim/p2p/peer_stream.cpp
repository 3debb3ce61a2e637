#include "services/baggageclaim/p2p/peer_stream.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/base/strings.hpp"
#include "common/daemon/log_request.hpp"
#include "common/os/unix_socket.hpp"
#include "common/protocol/baggageclaim.hpp"
#include "services/baggageclaim/handle.hpp"

namespace concourse::baggageclaim {

namespace {

constexpr auto kConnectLimit = std::chrono::seconds(30);
constexpr auto kIdleLimit = std::chrono::minutes(5);
constexpr auto kContinueLimit = std::chrono::seconds(2);  // for a peer to say that it takes the stream
constexpr std::size_t kMaxAnswer = 64 << 10;

UniqueFd connect_to(const PeerUrl& url) {
  const auto where = url.host + ":" + url.port;
  addrinfo hints{}, *raw = nullptr;
  hints.ai_socktype = SOCK_STREAM;
  if (const int error = ::getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &raw); error != 0)
    throw Error(ErrorKind::unavailable, "find " + where + ": " + gai_strerror(error));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(raw, ::freeaddrinfo);
  int error = EHOSTUNREACH;
  for (const auto* address = list.get(); address != nullptr; address = address->ai_next) {
    UniqueFd fd(::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) continue;
    socklen_t size = sizeof error;
    error = ::connect(fd.get(), address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      if (!os::wait_for(fd.get(), POLLOUT, Deadline::in(kConnectLimit))) error = ETIMEDOUT;
      else ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    }
    if (error != 0) continue;
    ::fcntl(fd.get(), F_SETFL, 0);
    const int on = 1;
    ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
  }
  throw SysError("connect to " + where, error);
}

}  // namespace

PeerUrl parse_peer_url(const std::string& url) {
  constexpr std::string_view kScheme = "http://";
  const auto refuse = [&](const std::string& why) {
    return Error(ErrorKind::invalid, "'" + url + "' is no worker's stream-in URL: " + why);
  };
  if (!url.starts_with(kScheme)) throw refuse("it must begin with http://");
  const auto path_at = url.find('/', kScheme.size());
  if (path_at == std::string::npos) throw refuse("it has no path");
  PeerUrl peer;
  auto authority = url.substr(kScheme.size(), path_at - kScheme.size());
  peer.target = url.substr(path_at);
  for (const char c : url)
    if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f || c == '#' || c == '@')
      throw refuse("it has a character that doesn't belong there");

  const auto colon = authority.rfind(':');
  const bool has_port = colon != std::string::npos && authority.find(']', colon) == std::string::npos;
  peer.port = has_port ? authority.substr(colon + 1) : "80";
  peer.host = authority.substr(0, has_port ? colon : std::string::npos);
  if (peer.host.starts_with('[') && peer.host.ends_with(']')) peer.host = peer.host.substr(1, peer.host.size() - 2);
  if (peer.host.empty() || parse_u64(peer.port).value_or(0) < 1 || parse_u64(peer.port).value_or(0) > 65535)
    throw refuse("bad host or port");

  const auto segments = split(peer.target.substr(1, peer.target.find('?') - 1), '/');
  if (segments.size() != 3 || segments[0] != "volumes" || segments[2] != "stream-in" || !is_valid_handle(segments[1]))
    throw refuse("its path isn't /volumes/HANDLE/stream-in");
  return peer;
}

PeerStream::PeerStream(const PeerUrl& url, Encoding encoding) : stream_(connect_to(url)), writer_(stream_) {
  stream_.set_idle_limit(kIdleLimit);
  const auto host = url.host.find(':') == std::string::npos ? url.host : "[" + url.host + "]";
  const auto head = "PUT " + url.target + " HTTP/1.1\r\nHost: " + host + ":" + url.port +
                    "\r\nContent-Encoding: " + std::string(name_of(encoding)) + "\r\n" + http::kRequestIdHeader + ": " +
                    log::request_id_to_send() +
                    "\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
  if (!stream_.write_all({head})) throw Error(ErrorKind::unavailable, "the peer hung up");
  // One that says nothing may wait for the body.
  if (!stream_.has_buffered() && !os::wait_for(stream_.fd(), POLLIN, Deadline::in(kContinueLimit))) return;
  const auto answer = read_head();
  if (!is_interim(answer)) report_answer(answer);
  holes_ = answer.find("\r\n" + std::string(protocol::baggageclaim::kReadsHoles) + "\r\n") != std::string::npos ? Holes::kept
                                                                                                                : Holes::zeros;
}

bool PeerStream::is_interim(std::string_view head) { return head.starts_with("HTTP/1.1 1"); }

// Up to its empty line; what there is if the peer ends before.
std::string PeerStream::read_head() {
  std::string head;
  while (!head.ends_with("\r\n\r\n") && head.size() < kMaxAnswer) {
    const auto next = stream_.peek();
    if (next.empty()) break;
    const auto line = next.substr(0, next.find('\n') + 1);  // all, if there is none
    head += line.empty() ? next : line;
    stream_.consume(line.empty() ? next.size() : line.size());
  }
  return head;
}

std::string PeerStream::read_final_head() {
  auto head = read_head();
  while (is_interim(head)) head = read_head();
  return head;
}

void PeerStream::write(std::string_view bytes) {
  if (!writer_.write(bytes)) report_answer(read_final_head());
}

void PeerStream::finish() {
  const bool sent = writer_.finish();
  const auto answer = read_final_head();
  // 204 and nothing else is a success.
  if (!sent || !answer.starts_with("HTTP/1.1 204")) report_answer(answer);
}

// A peer that hangs up in the middle has usually said why before.
void PeerStream::report_answer(std::string answer) {
  char buffer[4096];
  for (ssize_t n = 0; answer.size() < kMaxAnswer && (n = stream_.read_some(buffer, sizeof buffer)) > 0;)
    answer.append(buffer, static_cast<std::size_t>(n));
  if (!answer.starts_with("HTTP/1.1 ")) throw Error(ErrorKind::unavailable, "the peer hung up without an answer");
  auto cause = "p2p-stream-in " + answer.substr(9, 3) + ": ";
  const auto begin = answer.find('{');
  try {
    cause +=
        begin == std::string::npos ? "no reason given" : string_field(parse_json(answer.substr(begin)), "error", "no reason given");
  } catch (const Error&) {
    cause += "an answer that isn't understood";
  }
  throw Error(ErrorKind::unavailable, cause);
}

void PeerStream::cancel() { ::shutdown(stream_.fd(), SHUT_RDWR); }

}  // namespace concourse::baggageclaim
