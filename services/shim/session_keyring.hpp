// The session keyring that a container's processes share.
#pragma once

namespace concourse::shim {

// Gives this process, and with it the OCI runtime and the container that it starts, a session keyring of its own: nothing of the
// worker's can be reached through it. It counts against the key quota of the host's root (kernel.keys.root_maxkeys, a million). The
// runtimes' own keyrings are made inside by the container's root, who is one and the same user of the host in all containers, and
// has 200 (kernel.keys.maxkeys) in all.
//
// Its possessors may add keys to it only if `writable`: what it holds counts against root's quota as well. A kernel without
// keyrings is fine. Throws SysError.
void join_session_keyring(bool writable);

}  // namespace concourse::shim
