// The content and attributes of one file.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace concourse::baggageclaim {

// The parts of a file that hold data, as [begin, end). One part for a file without holes; none for one that is a hole.
std::vector<std::pair<std::int64_t, std::int64_t>> data_ranges(int fd, const struct stat& status);

// Shares all blocks of `source` with `target` where the file system can (FICLONE), else copies the parts that hold data in the
// kernel (copy_file_range), else through memory. Both at offset 0; `target` empty.
void copy_content(int source, int target, const struct stat& status);

// Every extended attribute of `source` that can be set on `target`. `target_path` may be a /proc/self/fd path.
void copy_xattrs(const std::string& source_path, const std::string& target_path);

}  // namespace concourse::baggageclaim
