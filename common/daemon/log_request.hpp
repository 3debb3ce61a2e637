// Which request a thread works on. Every line that it logs has the request's id in the field `request`, in each service that the
// request passes through, so that what one question set going is found again (docs/logs.md).
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace concourse::log {

// As long as it lives this thread works on that request; then on what it worked on before. Empty: on none.
class RequestScope {
 public:
  explicit RequestScope(std::string id);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

 private:
  std::string before_;
};

// This thread's; empty: none.
const std::string& current_request();

std::string new_request_id();
// What others call their request, if it may stand in our logs: 1 to 64 of [A-Za-z0-9._-]. Else a new id.
std::string request_id_from(std::string_view theirs);
// For a request of ours to somebody else: this thread's, else a new one.
inline std::string request_id_to_send() { return request_id_from(current_request()); }

// `work` for another thread or for later, with the request of the thread that calls this.
template <typename Work>
auto in_this_request(Work work) {
  return [id = current_request(), work = std::move(work)](auto&&... arguments) mutable {
    const RequestScope scope(id);
    return work(std::forward<decltype(arguments)>(arguments)...);
  };
}

}  // namespace concourse::log
