// What two workers in one network namespace mustn't do at once: claimed by an abstract Unix socket, whose name the kernel gives to
// one of them and takes back when that ends.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/unique_fd.hpp"

namespace concourse::garden {

// Nothing if somebody else has it. Names beyond 100 bytes are cut. Throws SysError.
std::optional<UniqueFd> claim(const std::string& name);

// The runtime directory of the running worker with that id, as far as its claim tells; empty if there is none.
std::string running_worker(std::uint32_t id);

}  // namespace concourse::garden
