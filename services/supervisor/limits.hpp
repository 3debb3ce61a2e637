// Resource limits of the worker's processes.
#pragma once

namespace concourse::supervisor {

// Raises the soft limit of open files towards 65536, as far as the hard limit lets it: every stream of every container is a
// descriptor. Services inherit it. Not being able to is no error.
void raise_limits();

}  // namespace concourse::supervisor
