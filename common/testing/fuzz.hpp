// What a fuzzer consists of; cmake/fuzz.cmake makes a program of it.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace concourse::testing {

// Good inputs, of which the others are made.
std::vector<std::string> fuzz_seeds();

// One run. Returns for every input, whatever it is; what may not happen ends the process: a failed fuzz_check, an exception, a
// sanitizer's finding.
void fuzz_one(std::string_view input);

// Always checked, in release builds too.
inline void fuzz_check(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "fuzzer: doesn't hold: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

}  // namespace concourse::testing
