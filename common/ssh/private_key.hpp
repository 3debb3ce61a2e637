// The RSA key we prove ourselves with, in whatever form operators have it.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "common/ssh/public_key.hpp"

namespace concourse::ssh {

// Accepted, whatever the PEM label says: PKCS#1 (`concourse generate-key` labels it PRIVATE KEY), PKCS#8, and OpenSSH's own format.
class PrivateKey {
 public:
  // Throws Error(invalid) that says what the text is instead, and the remedy.
  static PrivateKey parse(std::string_view text);
  // As above, with the file's name in front.
  static PrivateKey load(const std::filesystem::path& path);

  // "RSA PRIVATE KEY", the form libssh2 reads. Never to be logged.
  const std::string& pem() const { return pem_; }
  const PublicKey& public_key() const { return public_key_; }

 private:
  std::string pem_;
  PublicKey public_key_;
};

}  // namespace concourse::ssh
