// Work beside other work, where the machine has a thread for it.
#pragma once

#include <future>
#include <system_error>

namespace concourse::garden {

// Runs `work` on a thread of its own; if there is none to be had, when the result is asked for. The future's end waits for what has
// begun.
template <typename Work>
std::future<std::invoke_result_t<Work>> beside(const Work& work) {
  try {
    return std::async(std::launch::async, work);
  } catch (const std::system_error&) {  // EAGAIN: a limit of processes
    return std::async(std::launch::deferred, work);
  }
}

}  // namespace concourse::garden
