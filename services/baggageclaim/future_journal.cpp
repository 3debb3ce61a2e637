#include "services/baggageclaim/future_journal.hpp"

#include "common/base/error.hpp"
#include "common/daemon/log.hpp"
#include "common/daemon/log_request.hpp"
#include "common/os/file.hpp"

namespace concourse::baggageclaim {

namespace {

namespace api = protocol::baggageclaim;

constexpr std::size_t kMostBytes = 1 << 20;
constexpr auto kOldest = std::chrono::hours(1);
constexpr const char* kRequestId = "request_id";

std::string to_text(const api::VolumeRequest& request) {
  Json json = {{"handle", request.handle}, {"strategy", request.strategy}, {"privileged", request.privileged}};
  if (request.properties) json["properties"] = *request.properties;
  if (request.uid) json["uid"] = *request.uid;
  if (request.gid) json["gid"] = *request.gid;
  json[kRequestId] = log::current_request();
  return dump_json(json);
}

}  // namespace

FutureJournal::FutureJournal(fs::path directory) : directory_(std::move(directory)) {
  if (!directory_.empty()) os::make_directories(directory_, 0700);
}

void FutureJournal::keep(const api::VolumeRequest& request) {
  if (!directory_.empty()) os::replace_file(path(request.handle), to_text(request));
}

void FutureJournal::drop(const std::string& handle) {
  std::error_code gone;
  if (!directory_.empty()) fs::remove(path(handle), gone);
}

std::vector<FutureJournal::Kept> FutureJournal::kept() const {
  std::vector<Kept> futures;
  if (directory_.empty()) return futures;
  for (const auto& name : os::list_directory(directory_)) {
    try {
      // Nobody polls any more.
      if (fs::file_time_type::clock::now() - fs::last_write_time(directory_ / name) > kOldest) {
        fs::remove(directory_ / name);
        continue;
      }
      const auto text = os::read_existing_file(directory_ / name, kMostBytes);
      Kept future{api::parse_volume_request(text), string_field(parse_json(text), kRequestId)};
      if (future.request.handle != name) throw Error(ErrorKind::invalid, "the file is another handle's");
      futures.push_back(std::move(future));
    } catch (const Error& e) {
      log::warn("a creation that was asked for before can't be read", {{"handle", name}, {"error", e.what()}});
      fs::remove(directory_ / name);
    }
  }
  return futures;
}

}  // namespace concourse::baggageclaim
