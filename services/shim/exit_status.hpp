// The durable record of how processes ended: <container dir>/exits/<process id, or its bytes in hex behind "%">, one JSON object
// each. It is written before anybody is told, so that an end that was seen once is seen by everyone who asks later.
#pragma once

#include <filesystem>
#include <map>
#include <string>

namespace concourse::shim {

void save_exit_status(const std::filesystem::path& container_dir, const std::string& process_id, int status);

// All records of a container; a damaged one is left out.
std::map<std::string, int> load_exit_statuses(const std::filesystem::path& container_dir);

}  // namespace concourse::shim
