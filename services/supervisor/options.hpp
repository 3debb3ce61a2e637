// The command lines of `concourse` and its sub-commands.
#pragma once

#include "common/config/option.hpp"

namespace concourse::supervisor {

config::Program worker_program();
config::Program land_worker_program();
config::Program retire_worker_program();
config::Program generate_key_program();

}  // namespace concourse::supervisor
