// What the shim (outside) and concourse-init (pid 1 inside the container) say to each other: fixed-size datagrams on a
// SOCK_SEQPACKET pair, descriptor 3 of the init. No heap, no text parsing: the init links nothing but libc, and the shim
// treats whatever comes from inside as hostile.
//
// Both ends come from the same build for the life of a container: the init is copied beside the container's state when the
// container is made, and the shim keeps running through upgrades.
#pragma once

#include <cstddef>
#include <cstdint>

namespace concourse::init_wire {

inline constexpr int kSocketFd = 3;
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kTextSize = 256;
inline constexpr std::size_t kMaxSpec = 8 << 20;  // bytes of an encoded process; the kernel's own limit for exec is lower

enum class Order : std::uint32_t {
  spawn = 1,       // descriptors: the encoded process (init_spec.hpp), then stdin, stdout, stderr unless it wants a terminal
  signal = 2,      // `value` to the process `token`
  signal_all = 3,  // `value` to every process but the init; answered by `quiet` once none is left. KILL is repeated until then
  quit = 4,        // exit at once; the kernel kills the rest
};

struct Request {
  std::uint32_t order;
  std::uint32_t token;  // chosen by the shim, never reused
  std::int32_t value;
};

enum class Event : std::uint32_t {
  hello = 1,     // first message; value = kVersion
  spawned = 2,   // the program runs; value = its pid inside
  failed = 3,    // it doesn't; value = Failure, text = why
  exited = 4,    // value = exit status, or 128 + signal
  quiet = 5,     // no process is left
  terminal = 6,  // the master of the process' terminal, as a descriptor; comes before `spawned`
};

enum class Failure : std::int32_t {
  other = 0,
  executable_not_found = 1,
  user_not_found = 2,
};

struct Report {
  std::uint32_t event;
  std::uint32_t token;
  std::int32_t value;
  char text[kTextSize];  // NUL-terminated
};

}  // namespace concourse::init_wire
