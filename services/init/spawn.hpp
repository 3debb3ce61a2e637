// Starts one process inside the container: everything between fork and exec happens here, with the container's own files,
// root and rights.
#pragma once

#include <sys/types.h>

#include "common/protocol/init_wire.hpp"
#include "services/init/oom_score.hpp"

namespace concourse::init {

// What the shim sent: the encoded process, and either three ends of pipes or nothing for a terminal. Borrowed.
struct Stdio {
  int in = -1, out = -1, err = -1;
};

// How a start went wrong, passed from the child through a pipe; the pipe's bare end means that the program runs.
struct StartError {
  init_wire::Failure failure;
  char text[init_wire::kTextSize];
};

struct Started {
  pid_t pid = -1;
  int error_pipe = -1;  // ours to read and close: at most one StartError, then its end
  int terminal = -1;    // master, if one was asked for; ours to send away and close
};

// Forks. False with `error` filled when not even that was possible.
bool spawn(int spec_fd, const Stdio& stdio, const OomScore& score, Started& started, StartError& error);

}  // namespace concourse::init
