// Files: whole reads, durable writes, directory trees, locks. Errors are SysError naming the path.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/unique_fd.hpp"

namespace concourse::os {

namespace fs = std::filesystem;

// The whole content; nothing if the file isn't there. Throws Error(invalid) when it is larger than `max` bytes.
std::optional<std::string> read_file(const fs::path& path, std::size_t max = 64 << 20);
// As above, and a missing file is an error too.
std::string read_existing_file(const fs::path& path, std::size_t max = 64 << 20);

// Replaces `path` as one step that survives a crash and a power loss: temporary file beside it, fsync, rename, fsync of
// the directory. Readers see the old content or the new one, never a part.
void write_file_durably(const fs::path& path, std::string_view content, mode_t mode = 0644);

// The same without the fsyncs, for state that needn't outlive the machine's uptime (/run): still never half.
void replace_file(const fs::path& path, std::string_view content, mode_t mode = 0644);

// Writes to a file the kernel made (procfs, sysfs, cgroupfs): one write(2), no creation.
void write_kernel_file(const fs::path& path, std::string_view content);

void make_directories(const fs::path& path, mode_t mode = 0755);

// Who may enter an open directory: makes it root's, of that group and with that mode, if it isn't. Returns what was wrong with it
// ("mode 0755, owner 0:0"), or nothing.
std::string guard_directory(const UniqueFd& directory, mode_t mode, gid_t group);

void fsync_directory(const fs::path& path);

// Removes a tree, never following symbolic links and never leaving the file system it starts on (a forgotten mount inside
// is an error, not a catastrophe). A missing tree is fine.
void remove_tree(const fs::path& path);

// The names in a directory, sorted; nothing if it isn't there.
std::vector<std::string> list_directory(const fs::path& path);

// An exclusive flock(2) on `path`, created if needed, held as long as the descriptor lives. Nothing if somebody else has it.
// Writes "<pid>\n" into the file, so that the holder can be named.
std::optional<UniqueFd> try_lock_file(const fs::path& path);

// Opens with O_CLOEXEC added. Throws on failure.
UniqueFd open_file(const fs::path& path, int flags, mode_t mode = 0644);

void write_all(int fd, std::string_view bytes, const std::string& what);

}  // namespace concourse::os
