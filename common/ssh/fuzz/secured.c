#include "secured.h"

#include <string.h>

#include "libssh2_priv.h"
#include "mac.h"

/* They stand in for a key exchange's results; the largest key is 64 bytes. */
static unsigned char* made_up(LIBSSH2_SESSION* session) {
  unsigned char* bytes = LIBSSH2_ALLOC(session, 64);
  if (bytes) memset(bytes, 'k', 64);
  return bytes;
}

static const LIBSSH2_CRYPT_METHOD* find_cipher(const char* name) {
  const LIBSSH2_CRYPT_METHOD** method = libssh2_crypt_methods();
  while (*method && strcmp((*method)->name, name) != 0) ++method;
  return *method;
}

static const LIBSSH2_MAC_METHOD* find_mac(const LIBSSH2_CRYPT_METHOD* cipher, const char* name) {
  const LIBSSH2_MAC_METHOD* built_in = _libssh2_mac_override(cipher);
  const LIBSSH2_MAC_METHOD** method = _libssh2_mac_methods();
  if (built_in) return built_in;
  while (*method && strcmp((*method)->name, name) != 0) ++method;
  return *method;
}

int secured_begin(LIBSSH2_SESSION* session, const char* cipher, const char* mac, int sends) {
  libssh2_endpoint_data* end = sends ? &session->local : &session->remote;
  unsigned char *iv = made_up(session), *secret = made_up(session), *key = made_up(session);
  int free_iv = 0, free_secret = 0, free_key = 0;

  end->crypt = find_cipher(cipher);
  if (!end->crypt || !iv || !secret || !key) return -1;
  end->mac = find_mac(end->crypt, mac);
  if (!end->mac || end->crypt->init(session, end->crypt, iv, &free_iv, secret, &free_secret, sends, &end->crypt_abstract))
    return -1;
  if (end->mac->init) end->mac->init(session, key, &free_key, &end->mac_abstract);
  else free_key = 1;
  if (free_iv) LIBSSH2_FREE(session, iv);
  if (free_secret) LIBSSH2_FREE(session, secret);
  if (free_key) LIBSSH2_FREE(session, key);
  session->state |= LIBSSH2_STATE_NEWKEYS | LIBSSH2_STATE_AUTHENTICATED;
  session->state &= ~LIBSSH2_STATE_INITIAL_KEX;
  session->socket_state = LIBSSH2_SOCKET_CONNECTED;
  return 0;
}

size_t secured_seal(LIBSSH2_SESSION* server, unsigned char* packet, size_t size) {
  const LIBSSH2_CRYPT_METHOD* crypt = server->local.crypt;
  const LIBSSH2_MAC_METHOD* mac = server->local.mac;
  void** state = &server->local.crypt_abstract;
  const uint32_t number = server->local.seqno++;
  int failed;

  if (size < 4) return 0;
  if (crypt->flags & LIBSSH2_CRYPT_FLAG_REQUIRES_FULL_PACKET) {
    failed = crypt->crypt(server, number, packet, size, state, 0);
    return failed ? 0 : size + crypt->auth_len;
  }
  if (crypt->flags & LIBSSH2_CRYPT_FLAG_INTEGRATED_MAC) {
    failed = crypt->crypt(server, number, packet, size, state, FIRST_BLOCK) ||
             crypt->crypt(server, number, packet + size, mac->mac_len, state, LAST_BLOCK);
    return failed ? 0 : size + mac->mac_len;
  }
  if (!mac->etm) mac->hash(server, packet + size, number, packet, size, NULL, 0, &server->local.mac_abstract);
  failed = size > (mac->etm ? 4u : 0u) &&
           crypt->crypt(server, number, packet + (mac->etm ? 4 : 0), size - (mac->etm ? 4 : 0), state, FIRST_BLOCK | LAST_BLOCK);
  if (mac->etm) mac->hash(server, packet + size, number, packet, size, NULL, 0, &server->local.mac_abstract);
  return failed ? 0 : size + mac->mac_len;
}
