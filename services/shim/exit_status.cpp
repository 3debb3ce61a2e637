#include "services/shim/exit_status.hpp"

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/protocol/shim.hpp"

namespace concourse::shim {

namespace {

// An id is the client's choice, "..", "a/b" and 80 bytes of anything among them. What isn't a plain name is told in hexadecimal
// digits behind a "%", which no plain name has.
std::string file_name(const std::string& process_id) {
  if (is_plain_name(process_id)) return process_id;
  std::string name = "%";
  for (const unsigned char c : process_id) {
    name += "0123456789abcdef"[c >> 4];
    name += "0123456789abcdef"[c & 15];
  }
  return name;
}

}  // namespace

void save_exit_status(const std::filesystem::path& container_dir, const std::string& process_id, int status) {
  const auto dir = protocol::shim::exits_path(container_dir);
  os::make_directories(dir, 0700);
  os::write_file_durably(dir / file_name(process_id), dump_json({{"id", process_id}, {"status", status}}), 0600);
}

std::map<std::string, int> load_exit_statuses(const std::filesystem::path& container_dir) {
  std::map<std::string, int> statuses;
  const auto dir = protocol::shim::exits_path(container_dir);
  for (const auto& name : os::list_directory(dir)) {
    try {
      const auto record = parse_json(os::read_existing_file(dir / name, 64 << 10));
      statuses[string_field(record, "id")] = static_cast<int>(int_field(record, "status"));
    } catch (const std::exception&) {
      // A temporary file of a shim that was killed while writing: nobody was told of that end.
    }
  }
  return statuses;
}

}  // namespace concourse::shim
