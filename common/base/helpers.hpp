// Threads that help with a piece of work which can be done without them, and the want of threads.
#pragma once

#include <string>
#include <system_error>
#include <thread>
#include <vector>

namespace concourse {

// Up to `count` threads that run `work`: fewer where the system gives no more. They are joined when the result is destroyed.
template <typename Work>
std::vector<std::jthread> start_helpers(std::size_t count, const Work& work) {
  std::vector<std::jthread> helpers;
  helpers.reserve(count);
  try {
    while (helpers.size() < count) helpers.emplace_back([mine = work]() mutable { mine(); });
  } catch (const std::system_error&) {
  }
  return helpers;
}

// What to say of a std::thread that couldn't be started.
inline std::string no_thread(const std::system_error& e) { return std::string("no thread can be started: ") + e.what(); }

}  // namespace concourse
