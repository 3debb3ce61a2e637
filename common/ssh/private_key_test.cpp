#include "common/ssh/private_key.hpp"

#include <doctest/doctest.h>

#include "common/base/error.hpp"
#include "common/encoding/base64.hpp"
#include "common/ssh/test_keys.hpp"

using namespace concourse;
using namespace concourse::ssh;
using namespace concourse::ssh::test;

namespace {

std::string key_problem(const std::string& text) {
  try {
    PrivateKey::parse(text);
  } catch (const Error& e) {
    CHECK(e.kind() == ErrorKind::invalid);
    return e.what();
  }
  return "";
}

bool contains(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("private key: every form of one key is the same key") {
  const std::string forms[] = {
      pem("RSA PRIVATE KEY", kPkcs1),
      pem("PRIVATE KEY", kPkcs8),
      pem("PRIVATE KEY", kPkcs1),  // as the peer's key generator labels it
      pem("SOMETHING ELSE", kPkcs1),
      pem("OPENSSH PRIVATE KEY", kOpenssh),
      "\xef\xbb\xbf" + pem("PRIVATE KEY", kPkcs8),  // behind a byte order mark
      "some notes\r\n" + pem("RSA PRIVATE KEY", kPkcs1) + "more notes\n",
  };
  for (const auto& form : forms) {
    const auto key = PrivateKey::parse(form);
    CHECK(key.pem() == pem("RSA PRIVATE KEY", kPkcs1));
    CHECK(base64_encode(key.public_key().blob) == kPublic);
  }
}

TEST_CASE("private key: line ends of other systems don't matter") {
  std::string windows;
  for (const char c : pem("RSA PRIVATE KEY", kPkcs1)) windows += c == '\n' ? "\r\n" : std::string(1, c);
  CHECK(PrivateKey::parse(windows).pem() == pem("RSA PRIVATE KEY", kPkcs1));
}

TEST_CASE("private key: what can't be used is named, with the remedy") {
  CHECK(contains(key_problem(pem("OPENSSH PRIVATE KEY", kLockedOpenssh)), "passphrase"));
  CHECK(contains(key_problem(pem("RSA PRIVATE KEY", kLockedPkcs1,
                                 "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,0E55BF970FA6E6601B21C8A631EC32E4\n\n")),
                 "passphrase"));
  CHECK(contains(key_problem(pem("ENCRYPTED PRIVATE KEY", kPkcs8)), "passphrase"));
  CHECK(contains(key_problem(pem("OPENSSH PRIVATE KEY", kEd25519)), "'ssh-ed25519'"));
  CHECK(contains(key_problem(std::string("ssh-rsa ") + kPublic + " me\n"), "is a public key"));
  CHECK(contains(key_problem(""), "holds no key"));
  CHECK(contains(key_problem("-----BEGIN RSA PRIVATE KEY-----\nMIIC"), "cut off"));
  CHECK(contains(key_problem(pem("RSA PRIVATE KEY", "????")), "damaged"));
  CHECK(contains(key_problem(pem("RSA PRIVATE KEY", std::string(kPkcs1).substr(0, 400))), "no private key"));
  CHECK(contains(key_problem(pem("CERTIFICATE", "AAAA")), "'CERTIFICATE'"));
  CHECK(contains(key_problem(""), "ssh-keygen -t rsa"));
}

TEST_CASE("private key: every cut of an OpenSSH block is refused, none crashes") {
  const auto whole = *base64_decode(kOpenssh);
  for (std::size_t size = 0; size < whole.size() - 16; size += 3)
    CHECK(key_problem(pem("OPENSSH PRIVATE KEY", base64_encode(std::string_view(whole).substr(0, size)))) != "");
}

TEST_CASE("private key: a file that isn't there is named") {
  CHECK_THROWS_WITH_AS(PrivateKey::load("/nonexistent/key"), "'/nonexistent/key' does not exist", Error);
}
