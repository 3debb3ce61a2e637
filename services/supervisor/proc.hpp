// What /proc says about other processes. A process may end at any moment: then the answer is empty.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace concourse::supervisor {

std::vector<pid_t> process_ids();
std::string process_name(pid_t pid);                      // comm: at most 15 characters
std::vector<std::string> process_command(pid_t pid);      // argv
std::vector<std::string> process_environment(pid_t pid);  // NAME=value, as it was at exec
std::optional<uid_t> effective_user(pid_t pid);
bool program_was_replaced(pid_t pid);  // the file it runs from is no longer there

}  // namespace concourse::supervisor
