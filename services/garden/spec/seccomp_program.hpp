// A seccomp profile as the kernel takes it. To make it takes a third of a container's creation, so it is made once and given to the
// OCI runtime ready, where that can use it.
#pragma once

#include <string>

#include "common/base/json.hpp"

namespace concourse::garden {

// OCI's linux.seccomp (x86_64, aarch64), by libseccomp, as the instructions of seccomp(2): byte for byte what crun makes of the
// profile. Throws Error for a profile that can't be one.
std::string seccomp_program(const Json& profile);

// crun's annotation for such a program in base 64; with it, it leaves linux.seccomp aside. The spec has both: who doesn't know the
// annotation (runc, a crun that has dropped it) makes the program itself. From crun(1).
inline constexpr const char* kSeccompAnnotation = "run.oci.seccomp_bpf_data";

}  // namespace concourse::garden
