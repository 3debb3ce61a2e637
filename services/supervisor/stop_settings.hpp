// Settings of worker.env that only the systemd units read (systemd-units/concourse-worker-drain.service).
#pragma once

#include <string>
#include <vector>

#include "common/config/parser.hpp"

namespace concourse::supervisor {

// What is wrong with CONCOURSE_STOP_MODE and CONCOURSE_STOP_DEADLINE, known before the stop that they are for.
std::vector<std::string> wrong_stop_settings(const config::Environment& environment);

}  // namespace concourse::supervisor
