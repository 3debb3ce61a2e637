#include "services/healthchecker/options.hpp"

#include "common/config/groups.hpp"

namespace concourse::healthchecker {

config::Program program() {
  auto groups = config::healthcheck_groups();
  groups.push_back({"Metrics",
                    {{.name = "describe-metrics",
                      .type = config::Type::boolean,
                      .help = "Print what /metrics has, as a page of documentation, and exit.",
                      .env = "-"}}});
  return {.name = "concourse-healthcheck",
          .summary = "Answers over HTTP whether Garden and BaggageClaim work: 200, or 503 with a reason for each.",
          .groups = std::move(groups),
          .example =
              "  concourse-healthcheck --healthcheck-bind-ip 127.0.0.1 --healthcheck-timeout 2s\n"
              "  curl -i http://127.0.0.1:8888/"};
}

}  // namespace concourse::healthchecker
