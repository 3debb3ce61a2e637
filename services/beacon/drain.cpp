#include "services/beacon/drain.hpp"

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

DrainState read_drain_mark(const std::filesystem::path& runtime_dir) {
  const auto mark = protocol::beacon::parse_drain_mark(os::read_file(protocol::beacon::drain_mark(runtime_dir), 4096).value_or(""));
  if (!mark) return {};
  return {mark->state == word_of(Drain::landing) ? Drain::landing : Drain::retiring, mark->since, mark->limit};
}

void write_drain_mark(const std::filesystem::path& runtime_dir, const DrainState& state) {
  const auto mark = protocol::beacon::drain_mark(runtime_dir);
  if (state.drain == Drain::none) std::filesystem::remove(mark);
  else os::replace_file(mark, protocol::beacon::to_text({word_of(state.drain), state.since, state.limit}));
}

}  // namespace concourse::beacon
