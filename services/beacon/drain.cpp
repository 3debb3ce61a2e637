#include "services/beacon/drain.hpp"

#include "common/base/strings.hpp"
#include "common/os/file.hpp"
#include "common/protocol/beacon.hpp"

namespace concourse::beacon {

std::string word_of(Drain drain) {
  switch (drain) {
    case Drain::none: return "";
    case Drain::landing: return "landing";
    case Drain::retiring: return "retiring";
  }
  return "";
}

Drain read_drain_mark(const std::filesystem::path& runtime_dir) {
  const auto text = os::read_file(protocol::beacon::drain_mark(runtime_dir), 64).value_or("");
  for (const Drain drain : {Drain::landing, Drain::retiring})
    if (trim(text) == word_of(drain)) return drain;
  return Drain::none;
}

void write_drain_mark(const std::filesystem::path& runtime_dir, Drain drain) {
  const auto mark = protocol::beacon::drain_mark(runtime_dir);
  if (drain == Drain::none) std::filesystem::remove(mark);
  else os::replace_file(mark, word_of(drain) + "\n");
}

}  // namespace concourse::beacon
