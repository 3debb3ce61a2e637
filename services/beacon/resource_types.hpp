// The resource types that lie on this machine: <dir>/<entry>/{rootfs.tgz,resource_metadata.json}.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "common/protocol/tsa.hpp"

namespace concourse::beacon {

// What is wrong with which entry, in one line.
using OnBrokenType = std::function<void(const std::string& entry, const std::string& reason)>;

// In the order of the entries' names. An entry that can't be used (a stray file, no or bad metadata, no root file system, a type
// that an earlier entry has) is told to `on_broken` and left out: one bad folder must not take the worker from the cluster.
std::vector<protocol::tsa::ResourceType> discover_resource_types(const std::filesystem::path& dir, const OnBrokenType& on_broken);

// Throws Problems(usage) when there is any such entry.
void check_resource_types(const std::filesystem::path& dir);

}  // namespace concourse::beacon
