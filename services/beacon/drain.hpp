// Whether the worker is on its way out of the cluster, kept over a crash and a restart of the beacon.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace concourse::beacon {

enum class Drain { none, landing, retiring };

// The web's word for it, as a registration's `state` wants it; empty for none.
std::string word_of(Drain drain);

struct DrainState {
  Drain drain = Drain::none;
  std::int64_t since = 0;                  // protocol::beacon::seconds_since_boot()
  std::optional<std::int64_t> limit = {};  // its own, in seconds from `since`; nothing: --drain-timeout
};

// The mark in the runtime directory (common/protocol/beacon.hpp). An unreadable one is none.
DrainState read_drain_mark(const std::filesystem::path& runtime_dir);
void write_drain_mark(const std::filesystem::path& runtime_dir, const DrainState& state);  // none removes it

}  // namespace concourse::beacon
