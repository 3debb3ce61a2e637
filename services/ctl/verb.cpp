#include "services/ctl/verb.hpp"

namespace concourse::ctl {

const std::vector<Verb>& verbs() {
  static const std::vector<Verb> all = [] {
    std::vector<Verb> list;
    for (const auto& part : {status_verbs(), garden_verbs(), process_verbs(), volume_verbs(), volume_disk_verbs(), service_verbs(),
                             drain_verbs(), doctor_verbs(), log_verbs(), completion_verbs()})
      list.insert(list.end(), part.begin(), part.end());
    return list;
  }();
  return all;
}

}  // namespace concourse::ctl
