/* A look inside libssh2 for the fuzzer: a session as it is after a key exchange and a login, and a server's packets for it. */
#ifndef CONCOURSE_SSH_FUZZ_SECURED_H
#define CONCOURSE_SSH_FUZZ_SECURED_H

#include <libssh2.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Has the session receive with this cipher and MAC (names as in the protocol), or send if `sends`. The key is the same each time. 0
   if it worked. */
int secured_begin(LIBSSH2_SESSION* session, const char* cipher, const char* mac, int sends);

/* Encrypts as a server's next packet the `size` bytes at `packet`: the length field and what is behind it, whole or not. Behind
   them is room for 64 bytes, of a MAC. The bytes to send, or 0 if there is no such packet. `server` is a session that sends. */
size_t secured_seal(LIBSSH2_SESSION* server, unsigned char* packet, size_t size);

#ifdef __cplusplus
}
#endif
#endif
