#include "common/config/groups.hpp"

namespace concourse::config {

namespace {
constexpr std::string_view kInstead = "the worker makes no spans; use the metrics and concourse-workerctl trace";
}

Group tracing_group() {
  return {"Tracing",
          {{.name = "tracing-service-name", .instead = kInstead},
           {.name = "tracing-attribute", .type = Type::map, .instead = kInstead},
           {.name = "tracing-honeycomb-api-key", .instead = kInstead},
           {.name = "tracing-honeycomb-dataset", .instead = kInstead},
           {.name = "tracing-jaeger-endpoint", .instead = kInstead},
           {.name = "tracing-jaeger-tags", .type = Type::map, .instead = kInstead},
           {.name = "tracing-jaeger-service", .instead = kInstead},
           {.name = "tracing-stackdriver-projectid", .instead = kInstead},
           {.name = "tracing-otlp-address", .instead = kInstead},
           {.name = "tracing-otlp-header", .type = Type::map, .instead = kInstead},
           {.name = "tracing-otlp-use-tls", .type = Type::boolean, .instead = kInstead}}};
}

}  // namespace concourse::config
