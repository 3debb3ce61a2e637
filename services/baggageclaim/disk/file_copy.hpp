// The content and attributes of one file.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <string>

namespace concourse::baggageclaim {

// Whether a file takes less of the disk than its size. (One that is compressed seems to; it is only looked at more closely then.)
bool has_holes(const struct stat& status);

// Calls `use` with each part of a file that holds data, [begin, end), in order: once for a file without holes, never for one that
// is a hole.
void for_each_data_range(int fd, const struct stat& status, const std::function<void(std::int64_t begin, std::int64_t end)>& use);

// Shares all blocks of `source` with `target` where the file system can (FICLONE), else copies the parts that hold data in the
// kernel (copy_file_range), else through memory. Both at offset 0; `target` empty.
void copy_content(int source, int target, const struct stat& status);

// Every extended attribute of `source` that can be set on `target`. `target_path` may be a /proc/self/fd path.
void copy_xattrs(const std::string& source_path, const std::string& target_path);

}  // namespace concourse::baggageclaim
