#include "services/beacon/occupancy.hpp"

#include <algorithm>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/http/client.hpp"

namespace concourse::beacon {

namespace {

constexpr auto kAskLimit = std::chrono::seconds(10);  // each question
constexpr std::size_t kHandlesAtOnce = 100;           // in one request's line
constexpr std::size_t kNamed = 3;                     // handles in a line for people

Json get(const LocalTarget& garden, const std::string& path) {
  const auto answer = http::call({garden.text()}, "GET", path, kAskLimit);
  if (answer.status != 200) throw Error(ErrorKind::unavailable, "Garden answered with status " + std::to_string(answer.status));
  return parse_json(answer.body);
}

Occupancy::View look(const LocalTarget& garden) {
  Occupancy::View view;
  const auto handles = strings_field(get(garden, "/containers"), "Handles");
  view.containers = handles.size();
  for (std::size_t i = 0; i < handles.size(); i += kHandlesAtOnce) {
    std::vector<std::string> some;
    for (std::size_t j = i; j < std::min(i + kHandlesAtOnce, handles.size()); ++j) some.push_back(percent_encode(handles[j]));
    for (auto& handle : busy_handles(get(garden, "/containers/bulk_info?handles=" + join(some, ","))))
      view.busy.push_back(std::move(handle));
  }
  std::sort(view.busy.begin(), view.busy.end());
  return view;
}

}  // namespace

std::vector<std::string> busy_handles(const Json& bulk_info) {
  if (!bulk_info.is_object()) throw Error(ErrorKind::invalid, "Garden's answer is not an object");
  std::vector<std::string> busy;
  for (const auto& [handle, entry] : bulk_info.items()) {
    const Json* info = find_field(entry, "Info");
    if (info != nullptr && info->is_object() && !strings_field(*info, "ProcessIDs").empty()) busy.push_back(handle);
  }
  return busy;
}

std::string describe_busy(const std::vector<std::string>& handles) {
  if (handles.empty()) return "";
  const auto shown = std::vector<std::string>(handles.begin(), handles.begin() + std::min(handles.size(), kNamed));
  return std::to_string(handles.size()) +
         (handles.size() == 1 ? " container with a running process: " : " containers with running processes: ") +
         join(shown, ", ") + (handles.size() > kNamed ? " …" : "");
}

void Occupancy::ask(std::function<void()> changed) {
  if (asking_) return;
  asking_ = true;
  background_.run(
      std::weak_ptr<void>(alive_), [garden = garden_] { return look(garden); },
      [this, changed = std::move(changed)](std::optional<View> view, const std::string& error) {
        asking_ = false;
        const bool same = last_ && view && last_->busy == view->busy && last_->error.empty();
        last_ = view ? std::move(*view) : View{.error = error};
        if (!same) changed();
      });
}

}  // namespace concourse::beacon
