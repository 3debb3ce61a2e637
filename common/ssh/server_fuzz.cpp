// Plays the server to libssh2, from the first byte. An input's first byte chooses how:
//
//   'r'        the rest is what comes from the wire: a greeting, packets of a key exchange
//   'k'        a greeting, then each record is an honest packet that nothing encrypts: key exchanges that go on
//   '0' … '4'  after a key exchange and a login, with the cipher of that number: each record is a packet, encrypted
//
// A record: a byte of flags, two of length (little-endian), as many bytes. Flags: 1 the bytes are a payload, to be padded honestly;
// otherwise they are what stands behind the length field; 2 the length field says what the first four bytes say; 4 the MAC is
// damaged.
#include <libssh2.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>

#include "common/ssh/fuzz/secured.h"
#include "common/testing/fuzz.hpp"

namespace {

struct Mode {
  const char *cipher, *mac;
  std::size_t block;
  bool length_aside;
};

constexpr Mode kModes[] = {{"aes128-gcm@openssh.com", "hmac-sha2-256", 16, true},
                           {"chacha20-poly1305@openssh.com", "hmac-sha2-256", 8, true},
                           {"aes128-ctr", "hmac-sha2-256", 16, false},
                           {"aes128-ctr", "hmac-sha2-256-etm@openssh.com", 16, true},
                           {"aes256-gcm@openssh.com", "hmac-sha2-512", 16, true}};
constexpr int kSteps = 64;  // of each kind: more than any input needs
constexpr std::string_view kGreeting = "SSH-2.0-Go\r\n";

struct Wire {
  std::string from_server;
  std::size_t read = 0;
  bool closed = false;
};

ssize_t take(libssh2_socket_t, void* buffer, std::size_t size, int, void** abstract) {
  auto& wire = *static_cast<Wire*>(*abstract);
  if (wire.closed) return 0;
  // In pieces of odd sizes, then nothing more.
  size = std::min({size, wire.from_server.size() - wire.read, std::size_t{4099}});
  if (size == 0) return -EAGAIN;
  std::memcpy(buffer, wire.from_server.data() + wire.read, size);
  wire.read += size;
  return static_cast<ssize_t>(size);
}

// Every third packet finds the socket full.
ssize_t give(libssh2_socket_t, const void*, std::size_t size, int, void** abstract) {
  if (static_cast<Wire*>(*abstract)->closed) return -EPIPE;
  static unsigned calls = 0;
  return ++calls % 3 == 0 ? -EAGAIN : static_cast<ssize_t>(size);
}

struct Free {
  void operator()(LIBSSH2_SESSION* session) const {
    static_cast<Wire*>(*libssh2_session_abstract(session))->closed = true;
    concourse::testing::fuzz_check(libssh2_session_free(session) == 0, "a session with a closed socket is freed");
  }
};
using Session = std::unique_ptr<LIBSSH2_SESSION, Free>;

Session new_session(Wire& wire) {
  static const int started = libssh2_init(0);
  concourse::testing::fuzz_check(started == 0, "libssh2 starts");
  Session session(libssh2_session_init_ex(nullptr, nullptr, nullptr, &wire));
  libssh2_session_set_blocking(session.get(), 0);
  libssh2_session_callback_set2(session.get(), LIBSSH2_CALLBACK_RECV, reinterpret_cast<libssh2_cb_generic*>(take));
  libssh2_session_callback_set2(session.get(), LIBSSH2_CALLBACK_SEND, reinterpret_cast<libssh2_cb_generic*>(give));
  return session;
}

std::string number(std::size_t n) {
  return {static_cast<char>(n >> 24), static_cast<char>(n >> 16), static_cast<char>(n >> 8), static_cast<char>(n)};
}

std::string padded(std::string_view payload, std::size_t block, bool length_aside) {
  auto padding = block - (payload.size() + 1 + (length_aside ? 0 : 4)) % block;
  if (padding < 4) padding += block;
  return static_cast<char>(padding) + std::string(payload) + std::string(padding, 'p');
}

template <typename OnRecord>
void for_each_record(std::string_view input, const OnRecord& on_record) {
  while (input.size() >= 3) {
    const auto size = static_cast<unsigned char>(input[1]) | static_cast<std::size_t>(static_cast<unsigned char>(input[2])) << 8;
    on_record(static_cast<unsigned>(input[0]), input.substr(3, size));
    input.remove_prefix(std::min(input.size(), 3 + size));
  }
}

void shake_hands(std::string from_server) {
  Wire wire{std::move(from_server)};
  const auto session = new_session(wire);
  for (int i = 0; i < kSteps && libssh2_session_handshake(session.get(), 0) == LIBSSH2_ERROR_EAGAIN; ++i) {
  }
}

// What the beacon does with a connection: forwards, a command, channels that come.
void use(LIBSSH2_SESSION* session) {
  LIBSSH2_LISTENER* listener = nullptr;
  LIBSSH2_CHANNEL* command = nullptr;
  std::deque<LIBSSH2_CHANNEL*> channels;
  bool started = false;
  char buffer[8192];
  libssh2_keepalive_config(session, 1, 1);
#ifdef LIBSSH2_SESSION_LIMIT
  libssh2_session_limit(session, 8, 1 << 20);
#endif
  for (int i = 0; i < kSteps; ++i) {
    int left = 0;
    if (i == 3) libssh2_keepalive_send(session, &left);
    if (listener == nullptr) listener = libssh2_channel_forward_listen_ex(session, "0.0.0.0", 7777, nullptr, 8);
    else if (auto* channel = libssh2_channel_forward_accept(listener)) channels.push_back(channel);
    if (command == nullptr) command = libssh2_channel_open_session(session);
    else if (!started) started = libssh2_channel_process_startup(command, "exec", 4, "x", 1) == 0;
    else {
      libssh2_channel_read(command, buffer, sizeof buffer);
      libssh2_channel_read_stderr(command, buffer, sizeof buffer);
    }
    for (auto* channel : channels) {
      if (libssh2_poll_channel_read(channel, 0) > 0 && i % 3 == 0) libssh2_channel_read(channel, buffer, sizeof buffer);
      if (libssh2_channel_window_write(channel) > 0) libssh2_channel_write(channel, buffer, sizeof buffer);
      libssh2_channel_eof(channel);
    }
    if (i % 16 == 15 && !channels.empty() && libssh2_channel_free(channels.front()) != LIBSSH2_ERROR_EAGAIN) channels.pop_front();
  }
  if (command != nullptr) libssh2_channel_get_exit_status(command);
}

void talk(const Mode& mode, std::string_view input) {
  Wire wire, none;
  const auto session = new_session(wire), server = new_session(none);
  for (const int sends : {0, 1})
    concourse::testing::fuzz_check(secured_begin(session.get(), mode.cipher, mode.mac, sends) == 0, "the session has a cipher");
  concourse::testing::fuzz_check(secured_begin(server.get(), mode.cipher, mode.mac, 1) == 0, "the server has a cipher");
  for_each_record(input, [&](unsigned flags, std::string_view bytes) {
    std::string packet;
    if ((flags & 1) != 0) {
      const auto body = padded(bytes, mode.block, mode.length_aside);
      packet = number(body.size()) + body;
    } else if ((flags & 2) != 0) {
      packet = bytes;
    } else {
      packet = number(bytes.size()) + std::string(bytes);
    }
    const auto size = packet.size();
    packet.resize(size + 64);
    packet.resize(secured_seal(server.get(), reinterpret_cast<unsigned char*>(packet.data()), size));
    if ((flags & 4) != 0 && !packet.empty()) packet.back() = static_cast<char>(packet.back() ^ 1);
    wire.from_server += packet;
  });
  use(session.get());
}

// Seeds.

std::string text(std::string_view value) { return number(value.size()) + std::string(value); }
std::string record(unsigned flags, std::string_view bytes) {
  return std::string{static_cast<char>(flags), static_cast<char>(bytes.size()), static_cast<char>(bytes.size() >> 8)} +
         std::string(bytes);
}
std::string message(int type, const std::string& rest = "") { return record(1, static_cast<char>(type) + rest); }

std::string kexinit() {
  std::string out(16, 'c');
  for (const char* names :
       {"curve25519-sha256", "ssh-ed25519", "aes128-ctr", "aes128-ctr", "hmac-sha2-256", "hmac-sha2-256", "none", "none", "", ""})
    out += text(names);
  return out + std::string(5, '\0');
}

std::string honest_talk() {
  const auto open = text("forwarded-tcpip") + number(5) + number(1 << 20) + number(32768) + text("0.0.0.0") + number(7777) +
                    text("10.0.0.1") + number(99);
  return message(81) + message(91, number(0) + number(3) + number(1000) + number(100)) + message(99, number(0)) +
         message(90, open) + message(94, number(1) + text("hello")) + message(95, number(0) + number(1) + text("oops")) +
         message(93, number(1) + number(77)) + message(80, text("keepalive@openssh.com") + "\1") +
         message(98, number(0) + text("exit-status") + std::string(1, '\0') + number(1)) +
         message(98, number(0) + text("exit-signal") + std::string(1, '\0') + text("KILL")) + message(96, number(1)) +
         message(97, number(1)) + message(7, number(1) + text("server-sig-algs") + text("rsa-sha2-256")) + message(2, text("x")) +
         message(90, text("x11") + number(6) + number(1) + number(1) + text("h") + number(1)) +
         message(90, text("auth-agent@openssh.com") + number(6) + number(1) + number(1)) + message(20, kexinit()) +
         message(97, number(0));
}

}  // namespace

namespace concourse::testing {

std::vector<std::string> fuzz_seeds() {
  std::vector<std::string> seeds{
      "r" + std::string(kGreeting) + "no packet", "rHello\r\nthere\r\n" + std::string(kGreeting),
      "k" + message(20, kexinit()) + message(31, text("key") + text(std::string(32, 'q')) + text("sig")),
      "k" + message(20, kexinit()) +
          message(31, text(text("ssh-ed25519") + text(std::string(32, 'k'))) + text(std::string(32, 'q')) + text("sig"))};
  for (const char mode : {'0', '1', '2', '3', '4'}) {
    seeds.push_back(mode + honest_talk());
    for (const char* length : {"\xff\xff\xff\xff", "\xff\xff\xff\xf0", "\xff\xff\xff\xdc"})
      seeds.push_back(mode + message(2, text("x")) + record(2, length + std::string(48, 'b')));
    seeds.push_back(mode + message(2, text("x")) + record(2, std::string("\0\0\0\1", 4) + std::string(40, 'b')));
    seeds.push_back(mode + message(81) + record(0, "\xff" + std::string(31, 'b')) + record(5, "\2"));
  }
  return seeds;
}

void fuzz_one(std::string_view input) {
  if (input.empty()) return;
  const char mode = input[0];
  input.remove_prefix(1);
  if (mode >= '0' && mode <= '4') return talk(kModes[mode - '0'], input);
  if (mode != 'k') return shake_hands(std::string(input));
  std::string wire(kGreeting);
  for_each_record(input, [&](unsigned, std::string_view bytes) {
    const auto body = padded(bytes, 8, false);
    wire += number(body.size()) + body;
  });
  shake_hands(wire);
}

}  // namespace concourse::testing
