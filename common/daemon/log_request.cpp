#include "common/daemon/log_request.hpp"

#include <algorithm>

#include "common/base/strings.hpp"

namespace concourse::log {

namespace {

constexpr std::size_t kLongestId = 64;
constexpr std::size_t kIdBytes = 6;  // enough for one among all requests of a log; people copy it

thread_local std::string request;

bool is_request_id(std::string_view text) {
  return !text.empty() && text.size() <= kLongestId && std::all_of(text.begin(), text.end(), is_name_character);
}

}  // namespace

RequestScope::RequestScope(std::string id) : before_(std::exchange(request, std::move(id))) {}
RequestScope::~RequestScope() { request = std::move(before_); }

const std::string& current_request() { return request; }

std::string new_request_id() { return random_hex(kIdBytes); }

std::string request_id_from(std::string_view theirs) { return is_request_id(theirs) ? std::string(theirs) : new_request_id(); }

}  // namespace concourse::log
