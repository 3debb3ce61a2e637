// Whether the worker is on its way out of the cluster, kept over a crash of the beacon.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace concourse::beacon {

enum class Drain { none, landing, retiring };

// The web's word for it, as a registration's `state` wants it; empty for none.
std::string word_of(Drain drain);

// The mark in the runtime directory (common/protocol/beacon.hpp). An unreadable one is none.
Drain read_drain_mark(const std::filesystem::path& runtime_dir);
void write_drain_mark(const std::filesystem::path& runtime_dir, Drain drain);  // none removes it

}  // namespace concourse::beacon
