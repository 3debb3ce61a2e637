#include "services/shim/exit_status.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/protocol/shim.hpp"

namespace concourse::shim {

void save_exit_status(const std::filesystem::path& container_dir, const std::string& process_id, int status) {
  const auto dir = protocol::shim::exits_path(container_dir);
  os::make_directories(dir, 0700);
  os::write_file_durably(dir / percent_encode(process_id), dump_json({{"id", process_id}, {"status", status}}), 0600);
}

std::map<std::string, int> load_exit_statuses(const std::filesystem::path& container_dir) {
  std::map<std::string, int> statuses;
  const auto dir = protocol::shim::exits_path(container_dir);
  for (const auto& name : os::list_directory(dir)) {
    try {
      const auto record = parse_json(os::read_existing_file(dir / name, 64 << 10));
      statuses[string_field(record, "id")] = static_cast<int>(int_field(record, "status"));
    } catch (const Error&) {
      // A temporary file of a shim that was killed while writing: nobody was told of that end.
    }
  }
  return statuses;
}

}  // namespace concourse::shim
