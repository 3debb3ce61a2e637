// Fuzzers under libFuzzer: NAME CORPUS-DIR [-max_total_time=600] … An empty corpus directory is filled with the seeds first.
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "common/testing/fuzz.hpp"

namespace fs = std::filesystem;

extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  for (int i = 1; i < *argc; ++i) {
    const fs::path corpus = (*argv)[i];
    if (!fs::is_directory(corpus) || !fs::is_empty(corpus)) continue;
    int number = 0;
    for (const auto& seed : concourse::testing::fuzz_seeds())
      std::ofstream(corpus / ("seed-" + std::to_string(number++)), std::ios::binary) << seed;
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  concourse::testing::fuzz_one({reinterpret_cast<const char*>(data), size});
  return 0;
}
