#include "common/ssh/session.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <set>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/os/unix_socket.hpp"
#include "common/protocol/tsa.hpp"

namespace concourse::ssh {

namespace {

// The TSA takes our first name that it knows. AES-GCM comes first: one OpenSSL call a packet, with the processor's instructions.
constexpr const char* kCiphers =
    "aes128-gcm@openssh.com,aes256-gcm@openssh.com,chacha20-poly1305@openssh.com,aes128-ctr,aes192-ctr,aes256-ctr";
constexpr const char* kMacs = "hmac-sha2-256-etm@openssh.com,hmac-sha2-512-etm@openssh.com,hmac-sha2-256,hmac-sha2-512";

// No group that the server makes up: computing with a prime of its choice takes as long as it likes, before anything is known of
// it.
constexpr const char* kKeyExchanges =
    "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,ecdh-sha2-nistp521,"
    "diffie-hellman-group16-sha512,diffie-hellman-group14-sha256,diffie-hellman-group14-sha1";

#ifdef LIBSSH2_SESSION_LIMIT
// What a TSA can make us hold: channels (a connection to a service each), and bytes for services that don't read (a window of 2 MiB
// for each channel, of which few are ever full).
constexpr std::size_t kMaxChannels = 2048, kMaxWaiting = 512 << 20;
#endif

// Only algorithms that prove a key we have pinned, so that a host with several keys shows one that we can check.
std::string host_key_algorithms(const std::vector<PublicKey>& keys) {
  std::set<std::string> types;
  for (const auto& key : keys) types.insert(key.type == "ssh-rsa" ? "rsa-sha2-256,rsa-sha2-512" : key.type);
  return join({types.begin(), types.end()}, ",");
}

// libssh2's own words for a connection that ended are about its inner steps.
std::string_view plain_reason(long rc) {
  switch (rc) {
    case LIBSSH2_ERROR_SOCKET_DISCONNECT:
    case LIBSSH2_ERROR_SOCKET_RECV: return "the connection was closed";
    case LIBSSH2_ERROR_SOCKET_SEND: return "the connection is broken";
    case LIBSSH2_ERROR_BANNER_RECV: return "no SSH server answered there";
    case LIBSSH2_ERROR_DECRYPT:
    case LIBSSH2_ERROR_INVALID_MAC: return "a damaged packet came in";
    default: return {};
  }
}

void initialise_library() {
  static const int rc = libssh2_init(0);
  if (rc != 0) throw Error(ErrorKind::internal, "libssh2 did not start: error " + std::to_string(rc));
}

}  // namespace

void Session::Free::operator()(LIBSSH2_SESSION* session) const {
  // With the socket shut nothing in here has to wait for the peer; the bound is against a surprise.
  auto* self = static_cast<Session*>(*libssh2_session_abstract(session));
  for (int i = 0; i < 1000 && libssh2_session_free(session) == LIBSSH2_ERROR_EAGAIN; ++i) self->begin_turn();
}

Session::Session(UniqueFd socket, std::string host, const TsaOptions& options)
    : socket_(std::move(socket)), host_(std::move(host)), options_(options) {
  initialise_library();
  session_.reset(libssh2_session_init_ex(nullptr, nullptr, nullptr, this));
  if (!session_) throw Error(ErrorKind::internal, "libssh2 could not make a session");
  libssh2_session_callback_set2(session_.get(), LIBSSH2_CALLBACK_RECV, reinterpret_cast<libssh2_cb_generic*>(receive_hook));
  libssh2_session_callback_set2(session_.get(), LIBSSH2_CALLBACK_SEND, reinterpret_cast<libssh2_cb_generic*>(send_hook));
#ifdef LIBSSH2_SESSION_LIMIT
  libssh2_session_limit(session_.get(), kMaxChannels, kMaxWaiting);
#endif
  libssh2_session_set_blocking(session_.get(), 0);
  libssh2_session_method_pref(session_.get(), LIBSSH2_METHOD_CRYPT_CS, kCiphers);
  libssh2_session_method_pref(session_.get(), LIBSSH2_METHOD_CRYPT_SC, kCiphers);
  libssh2_session_method_pref(session_.get(), LIBSSH2_METHOD_MAC_CS, kMacs);
  libssh2_session_method_pref(session_.get(), LIBSSH2_METHOD_MAC_SC, kMacs);
  libssh2_session_method_pref(session_.get(), LIBSSH2_METHOD_KEX, kKeyExchanges);
  libssh2_session_method_pref(session_.get(), LIBSSH2_METHOD_HOSTKEY, host_key_algorithms(options.host_keys).c_str());
}

ssize_t Session::receive_hook(libssh2_socket_t fd, void* buffer, std::size_t size, int flags, void** abstract) {
  auto* self = static_cast<Session*>(*abstract);
  size = std::min(size, self->receivable_);
  if (size == 0) return -EAGAIN;
  const ssize_t n = ::recv(fd, buffer, size, flags);
  // Less than asked for: the socket is empty, and not asked again in this turn, in which every step of libssh2 wants to read first.
  if (n != 0 && n < static_cast<ssize_t>(size)) self->receivable_ = 0;
  else self->receivable_ -= static_cast<std::size_t>(n);
  if (n < 0) return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
  self->traffic_.in += static_cast<std::uint64_t>(n);
  self->traffic_.last_in = Clock::now();
  return n;
}

ssize_t Session::send_hook(libssh2_socket_t fd, const void* buffer, std::size_t size, int flags, void** abstract) {
  const ssize_t n = ::send(fd, buffer, size, flags | MSG_NOSIGNAL);
  if (n < 0) return errno == EINTR || errno == EWOULDBLOCK ? -EAGAIN : -errno;
  static_cast<Session*>(*abstract)->traffic_.out += static_cast<std::uint64_t>(n);
  return n;
}

Session::~Session() {
  if (socket_) ::shutdown(socket_.get(), SHUT_RDWR);
}

bool Session::handshake() {
  begin_turn();
  const int rc = libssh2_session_handshake(session_.get(), socket_.get());
  if (rc == LIBSSH2_ERROR_KEX_FAILURE || rc == LIBSSH2_ERROR_KEY_EXCHANGE_FAILURE || rc == LIBSSH2_ERROR_METHOD_NONE)
    fail("agree with TSA " + host_ + " on keys (is it an SSH server with a host key of the pinned type?)", rc);
  // libssh2 keeps whatever line came last for the greeting.
  const char* line = libssh2_session_banner_get(session_.get());
  const bool greeted = line != nullptr && std::string_view(line).starts_with("SSH-");
  if (rc < 0 && rc != LIBSSH2_ERROR_EAGAIN && !greeted) fail("shake hands with TSA " + host_, LIBSSH2_ERROR_BANNER_RECV);
  if (!done(rc, "shake hands with TSA " + host_)) return false;
  check_host_key();
  return true;
}

void Session::check_host_key() const {
  std::size_t size = 0;
  int type = 0;
  const char* blob = libssh2_session_hostkey(session_.get(), &size, &type);
  const std::string_view shown(blob != nullptr ? blob : "", size);
  for (const auto& key : options_.host_keys)
    if (key.blob == shown) return;
  throw Error(ErrorKind::invalid, "TSA " + host_ + " showed the host key " + type_of(shown) + " " + fingerprint(shown) +
                                      ", which is not in '" + options_.host_keys_file +
                                      "': check --tsa-public-key and --tsa-host, or somebody stands in between");
}

bool Session::authenticate() {
  begin_turn();
  const auto& pem = options_.private_key.pem();
  const std::string user = protocol::tsa::kUser;
  const int rc = libssh2_userauth_publickey_frommemory(session_.get(), user.c_str(), user.size(), nullptr, 0, pem.c_str(),
                                                       pem.size(), nullptr);
  if (rc == LIBSSH2_ERROR_AUTHENTICATION_FAILED || rc == LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED)
    throw Error(ErrorKind::invalid,
                "TSA " + host_ + " refused the worker's key " + fingerprint(options_.private_key.public_key().blob) +
                    ": add its public key to the web node's --tsa-authorized-keys or --tsa-team-authorized-keys");
  return done(rc, "authenticate to TSA " + host_);
}

void Session::disconnect(const char* reason) { (void)libssh2_session_disconnect(session_.get(), reason); }

short Session::poll_events() const {
  const bool out = (libssh2_session_block_directions(session_.get()) & LIBSSH2_SESSION_BLOCK_OUTBOUND) != 0;
  return static_cast<short>(POLLIN | (out ? POLLOUT : 0));
}

std::string Session::ciphers() const {
  const char* name = libssh2_session_methods(session_.get(), LIBSSH2_METHOD_CRYPT_CS);
  return name != nullptr ? name : "";
}

bool Session::done(long rc, const std::string& what) const {
  if (rc >= 0) return true;
  if (rc == LIBSSH2_ERROR_EAGAIN) return false;
  fail(what, rc);
}

void Session::fail(const std::string& what, long rc) const {
  char* text = nullptr;
  const int code = libssh2_session_last_error(session_.get(), &text, nullptr, 0);
  std::string reason;
  if (const auto plain = plain_reason(rc); !plain.empty()) reason = plain;
  else if (code == rc && text != nullptr && *text != '\0') reason = text;
  else reason = "libssh2 error " + std::to_string(rc);
  int socket_error = 0;
  socklen_t size = sizeof socket_error;
  getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &socket_error, &size);
  if (socket_error != 0) reason += " (" + errno_text(socket_error) + ")";
  const bool refused =
      rc == LIBSSH2_ERROR_CHANNEL_REQUEST_DENIED || rc == LIBSSH2_ERROR_REQUEST_DENIED || rc == LIBSSH2_ERROR_CHANNEL_FAILURE;
  throw Error(refused ? ErrorKind::conflict : ErrorKind::unavailable, what + ": " + reason);
}

void wait_until_done(Session& session, const std::string& what, Deadline deadline, const std::function<bool()>& step) {
  for (session.begin_turn(); !step(); session.begin_turn())
    if (deadline.passed() || !os::wait_for(session.fd(), session.poll_events(), deadline))
      throw Error(ErrorKind::timeout, what + ": no answer from TSA " + session.host() + " within " + deadline.limit());
}

}  // namespace concourse::ssh
