// One container made and destroyed, to know that it can be done rather than to guess it from versions.
#pragma once

#include <cstdint>
#include <filesystem>

#include "services/garden/options.hpp"

namespace concourse::garden {

struct Runtime;

// The root of an unprivileged container is nobody special on the host: it must be let through to its root file system, and to what
// Garden keeps for it, as anybody or by its `group`. Throws Error(usage) with the remedy. What isn't there yet is fine.
void check_reachable(const std::filesystem::path& dir, std::uint32_t group);

// Throws Error with the reason why no container can be made with this runtime. Leaves nothing.
void probe(const Options& options, const Runtime& runtime);

}  // namespace concourse::garden
