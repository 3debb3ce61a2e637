// The events that forward-worker writes to its output: one JSON object after the other.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace concourse::beacon {

enum class TsaEvent { registered, heartbeated };

class EventReader {
 public:
  // The events completed by these bytes. Unknown ones are skipped, so that a later TSA may say more. Throws Error(invalid) for
  // what isn't JSON and for an object longer than 64 KiB.
  std::vector<TsaEvent> feed(std::string_view bytes);

 private:
  std::string line_;
};

}  // namespace concourse::beacon
