#pragma once

#include "common/config/option.hpp"

namespace concourse::healthchecker {

config::Program program();

}  // namespace concourse::healthchecker
