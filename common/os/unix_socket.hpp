// Unix stream sockets by path, whatever the path's length, and framed messages that carry file descriptors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/deadline.hpp"
#include "common/base/unique_fd.hpp"

namespace concourse::os {

// A listening socket at `path`. What was at that path is replaced. Mode 0600 unless said otherwise.
UniqueFd listen_unix(const std::filesystem::path& path, mode_t mode = 0600, int backlog = 1024);

// Connects; waits for a full backlog until the deadline. Throws SysError(ENOENT, ECONNREFUSED) when nobody listens.
UniqueFd connect_unix(const std::filesystem::path& path, Deadline deadline);

std::pair<UniqueFd, UniqueFd> socket_pair(int type);

// One message: a body and the descriptors that travel with its first byte. On the wire: 4 bytes little-endian length,
// body. Either side may be an older or newer program: bodies are versioned by their protocol header.
struct Frame {
  std::string body;
  std::vector<UniqueFd> fds;
  pid_t sender = 0;  // the process that sent it, by the kernel's word; 0 unless show_sender() was called before it was sent
};

inline constexpr std::size_t kMaxFrame = 16 << 20;  // bytes; a longer one is a broken peer
inline constexpr std::size_t kMaxFrameFds = 16;

// Has the kernel say who sends what comes on this socket: the process itself, where SO_PEERCRED tells who began to listen.
void show_sender(int socket);

// Sends or receives one whole frame on a stream socket before the deadline; throws Error(timeout) past it.
// receive_frame gives nothing at a clean end of stream.
void send_frame(int socket, std::string_view body, const std::vector<int>& fds, Deadline deadline);
std::optional<Frame> receive_frame(int socket, Deadline deadline);

// Connects, sends one frame, returns the answer. Throws Error(unavailable) when the peer hangs up without one.
Frame call_unix(const std::filesystem::path& path, std::string_view body, const std::vector<int>& fds, Deadline deadline);

// poll(2) on one descriptor. False when the deadline passed first.
bool wait_for(int fd, short events, Deadline deadline);

}  // namespace concourse::os
