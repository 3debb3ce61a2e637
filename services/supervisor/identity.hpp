// Whether a process is a service of this worker, by what no task can have: nobody but us is root in our process and user
// namespaces. A name, an argument or a variable of the environment is any process's own choice.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace concourse::supervisor {

// Our own effective user, our process and user namespaces, and it runs `program`: that file, or one of its name that was installed
// elsewhere or replaced since (or, if `program` is a script, its interpreter with it). False for a process that has ended.
bool runs_as_us(pid_t pid, const std::filesystem::path& program);

// The processes that run `program` for the supervisor whose notify socket `variable` ("NOTIFY_SOCKET=…") names.
std::vector<pid_t> services_of(const std::filesystem::path& program, const std::string& variable);
bool is_service_of(pid_t pid, const std::filesystem::path& program, const std::string& variable);

}  // namespace concourse::supervisor
