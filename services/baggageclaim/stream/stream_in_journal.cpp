#include "services/baggageclaim/stream/stream_in_journal.hpp"

#include <unistd.h>

#include <cerrno>

#include "common/base/error.hpp"
#include "common/base/json.hpp"
#include "common/os/file.hpp"
#include "services/baggageclaim/record_file.hpp"

namespace concourse::baggageclaim {

namespace {
constexpr std::int64_t kVersion = 1;
}

std::optional<StreamInJournal> read_journal(const VolumeDir& volume) {
  const auto text = os::read_file(volume.file(kStreamInFile));
  if (!text) return std::nullopt;
  const Json json = parse_json(*text);
  if (int_field(json, "version") != kVersion) throw Error(ErrorKind::invalid, "stream-in.json is of another version");
  StreamInJournal journal;
  journal.phase = string_field(json, "phase") == "merging" ? StreamInJournal::Phase::merging : StreamInJournal::Phase::extracting;
  journal.boot = string_field(json, "boot");
  journal.path = string_field(json, "path");
  journal.made = string_field(json, "made");
  journal.staging = string_field(json, "staging");
  journal.mode = static_cast<mode_t>(uint_field(json, "mode", 0755));
  journal.uid = static_cast<uid_t>(uint_field(json, "uid"));
  journal.gid = static_cast<gid_t>(uint_field(json, "gid"));
  journal.mtime = {int_field(json, "mtime_s"), int_field(json, "mtime_ns")};
  return journal;
}

void write_journal(const VolumeDir& volume, const StreamInJournal& journal) {
  const Json json{{"version", kVersion},
                  {"phase", journal.phase == StreamInJournal::Phase::merging ? "merging" : "extracting"},
                  {"boot", journal.boot},
                  {"path", journal.path},
                  {"made", journal.made},
                  {"staging", journal.staging},
                  {"mode", journal.mode},
                  {"uid", journal.uid},
                  {"gid", journal.gid},
                  {"mtime_s", static_cast<std::int64_t>(journal.mtime.tv_sec)},
                  {"mtime_ns", static_cast<std::int64_t>(journal.mtime.tv_nsec)}};
  write_record(volume, kStreamInFile, dump_json(json) + "\n");
}

void remove_journal(const VolumeDir& volume) {
  if (::unlink(volume.file(kStreamInFile).c_str()) != 0 && errno != ENOENT)
    throw SysError("remove '" + volume.file(kStreamInFile).string() + "'");
}

void commit_journal(const VolumeDir& volume) {
  if (::rename(volume.file(kStreamInFile).c_str(), volume.file(kUnsyncedFile).c_str()) != 0)
    throw SysError("rename '" + volume.file(kStreamInFile).string() + "'");
}

}  // namespace concourse::baggageclaim
