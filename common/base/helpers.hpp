// Threads that help with a piece of work which can be done without them.
#pragma once

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

}  // namespace concourse
