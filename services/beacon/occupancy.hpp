// What still runs on the worker: what a drain waits for, as far as the worker itself can know. The web node waits for builds and
// doesn't say which; here a build shows as containers that have running processes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/json.hpp"
#include "services/beacon/background.hpp"
#include "services/beacon/options.hpp"

namespace concourse::beacon {

// The handles with at least one running process, in an answer to GET /containers/bulk_info. Throws Error(invalid) for anything
// else.
std::vector<std::string> busy_handles(const Json& bulk_info);

// "2 containers with running processes: h1, h2"; long lists are cut short. Empty for none.
std::string describe_busy(const std::vector<std::string>& handles);

class Occupancy {
 public:
  struct View {
    std::size_t containers = 0;
    std::vector<std::string> busy;
    std::string error;  // why Garden could not be asked; then the rest is empty
  };

  // `garden` must outlive it.
  Occupancy(Background& background, const LocalTarget& garden) : background_(background), garden_(garden) {}

  // Asks Garden, unless an earlier question is still open. `changed` is called from the loop when last() is another.
  void ask(std::function<void()> changed);
  const std::optional<View>& last() const { return last_; }
  void forget() { last_.reset(); }

 private:
  Background& background_;
  const LocalTarget& garden_;
  std::optional<View> last_;
  bool asking_ = false;
  std::shared_ptr<int> alive_ = std::make_shared<int>();
};

}  // namespace concourse::beacon
