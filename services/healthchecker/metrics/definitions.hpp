// Every metric of /metrics: docs/metrics.md is printed from this table, and nothing else can be exposed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace concourse::healthchecker::metrics {

struct Definition {
  std::string_view name;
  std::string_view type;    // counter, gauge, histogram
  std::string_view labels;  // "service, request"; what each may be is in `help` or bounded by the code
  std::string_view help;    // one sentence without its full stop, as Prometheus shows it
};

const std::vector<Definition>& definitions();

// docs/metrics.md.
std::string document();

}  // namespace concourse::healthchecker::metrics
