// What became of the machine since the last server stopped: whether what was written then can have been lost.
#pragma once

#include <string>

#include "services/baggageclaim/paths.hpp"

namespace concourse::baggageclaim {

class Machine {
 public:
  // Reads and forgets the note of the last stop: it is true once.
  static Machine look(const Paths& paths);
  // Once more, when something has been mounted at the volumes' place since: the note may be in there.
  void look_again(const Paths& paths);
  Machine(std::string boot_id, std::string clean_stop) : boot_id_(std::move(boot_id)), clean_stop_(std::move(clean_stop)) {}

  // Differs from one start of the machine to the next.
  const std::string& boot_id() const { return boot_id_; }

  // Whether data written since the start `boot_id` of the machine, and never flushed, is what was written: the machine hasn't
  // gone down since, or did so after an orderly stop of the server, and so, one may think, in order itself.
  bool kept_since(const std::string& boot_id) const { return !boot_id.empty() && (boot_id == boot_id_ || boot_id == clean_stop_); }

  // At the very end of an orderly stop: flushes everything and leaves the note. The note itself is left to the flush, or to the
  // machine's own at shutdown should we be cut short: it never gets to the disk much before the data.
  void note_clean_stop(const Paths& paths) const;

 private:
  std::string boot_id_, clean_stop_;
};

}  // namespace concourse::baggageclaim
