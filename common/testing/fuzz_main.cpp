// Fuzzers without libFuzzer, as short tests: the seeds, then mutations that are the same ones in every run.
//
//   NAME [-runs=N] [-seed=N] [-max_total_time=SECONDS]   N mutations, or as many as the time allows
//   NAME FILE…                                           these inputs, once each
//
// The input that ended the process is left in ./crash-NAME.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>

#include "common/testing/fuzz.hpp"

// NOLINTNEXTLINE(bugprone-reserved-identifier): it is the sanitizers' own
extern "C" void __sanitizer_set_death_callback(void (*)()) __attribute__((weak));

namespace {

using concourse::testing::fuzz_one;
using Random = std::mt19937_64;

constexpr std::size_t kMaxInput = 1 << 20;
std::string current, crash_file;

// After a crash: only calls that are safe in a signal handler.
void keep_input() {
  const int fd = ::open(crash_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || ::write(fd, current.data(), current.size()) < 0) return;
  ::close(fd);
}

void keep_input_and_die(int signal) {
  keep_input();
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

void run(std::string input) {
  current = std::move(input);
  fuzz_one(current);
}

std::size_t below(Random& random, std::size_t n) { return n == 0 ? 0 : random() % n; }

// Numbers at which lengths and offsets tend to go wrong, little- and big-endian, and as tar's octal.
std::string interesting(Random& random) {
  constexpr std::uint64_t kNumbers[] = {0, 1, 0x7f, 0x80, 0xff, 0x100, 0x1ff, 0x200, 0x7fff, 0xffff, 0x7fffffff, 0xffffffff, ~0ull};
  const auto number = kNumbers[below(random, std::size(kNumbers))];
  if (below(random, 4) == 0) {
    char octal[24];
    return {octal,
            static_cast<std::size_t>(std::snprintf(octal, sizeof octal, "%011llo", static_cast<unsigned long long>(number)))};
  }
  const auto width = std::size_t{1} << below(random, 4);
  std::string bytes;
  for (std::size_t i = 0; i < width; ++i) bytes += static_cast<char>(number >> (8 * i));
  if (below(random, 2) == 0) std::reverse(bytes.begin(), bytes.end());
  return bytes;
}

void mutate(std::string& input, const std::string& other, Random& random) {
  const auto at = below(random, input.size() + 1);
  const auto span = std::min(input.size() - at, std::size_t{1} << below(random, 10));
  switch (below(random, 9)) {
    case 0:
      if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(random, 8)));
      break;
    case 1:
      if (at < input.size()) input[at] = static_cast<char>(random());
      break;
    case 2: input.resize(at); break;
    case 3: input.erase(at, span); break;
    case 4: input.insert(at, input.substr(below(random, input.size() + 1), span)); break;
    case 5: {
      const auto bytes = interesting(random);
      input.replace(at, std::min(bytes.size(), input.size() - at), bytes);
      break;
    }
    case 6: {
      const auto from = below(random, other.size() + 1);
      input.replace(at, span, other.substr(from, span));
      break;
    }
    case 7: input = input.substr(0, at) + other.substr(std::min(at, other.size())); break;
    default: {
      constexpr std::string_view kPieces[] = {"..", "/", "../", "./",   "\"",   "%2F", "%00",
                                              "{",  "[", ",",   "\r\n", "null", "-1",  "1e999"};
      input.insert(at, kPieces[below(random, std::size(kPieces))]);
      break;
    }
  }
  if (input.size() > kMaxInput) input.resize(kMaxInput);
}

int run_mutations(std::uint64_t runs, std::uint64_t seed, std::chrono::seconds limit) {
  const auto seeds = concourse::testing::fuzz_seeds();
  for (const auto& input : seeds) run(input);
  Random random(seed);
  const auto end = std::chrono::steady_clock::now() + limit;
  std::uint64_t done = 0;
  for (; limit.count() > 0 ? std::chrono::steady_clock::now() < end : done < runs; ++done) {
    auto input = seeds[below(random, seeds.size())];
    for (auto left = 1 + below(random, 5); left > 0; --left) mutate(input, seeds[below(random, seeds.size())], random);
    run(std::move(input));
  }
  std::printf("%zu seeds and %llu mutations of them: nothing found\n", seeds.size(), static_cast<unsigned long long>(done));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  crash_file = "crash-" + std::filesystem::path(argv[0]).filename().string();
  if (__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(keep_input);
  std::signal(SIGABRT, keep_input_and_die);
  if (__sanitizer_set_death_callback == nullptr) std::signal(SIGSEGV, keep_input_and_die);
  std::set_terminate([] {
    try {
      if (const auto what = std::current_exception()) std::rethrow_exception(what);
    } catch (const std::exception& e) {
      std::fprintf(stderr, "fuzzer: exception: %s\n", e.what());
    } catch (...) {
      std::fprintf(stderr, "fuzzer: unknown exception\n");
    }
    std::abort();
  });
  std::uint64_t runs = 1000, seed = 1, seconds = 0;
  bool files = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const auto number = [&] { return std::strtoull(argv[i] + word.find('=') + 1, nullptr, 10); };
    if (word.starts_with("-runs=")) runs = number();
    else if (word.starts_with("-seed=")) seed = number();
    else if (word.starts_with("-max_total_time=")) seconds = number();
    else {
      std::ifstream in(argv[i], std::ios::binary);
      if (!in)
        return std::fprintf(stderr, "fuzzer: can't read '%s': name an input file, or -runs, -seed, -max_total_time\n", argv[i]), 2;
      run({std::istreambuf_iterator<char>(in), {}});
      files = true;
    }
  }
  return files ? 0 : run_mutations(runs, seed, std::chrono::seconds(seconds));
}
