// SSH public keys and the files that list them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace concourse::ssh {

struct PublicKey {
  std::string type;  // "ssh-rsa"
  std::string blob;  // the key's wire form; equal blobs are equal keys

  bool operator==(const PublicKey& other) const { return blob == other.blob; }
};

// "SHA256:…", as ssh-keygen -l prints it.
std::string fingerprint(std::string_view blob);

// The type inside a key's wire form; empty when it isn't one.
std::string type_of(std::string_view blob);

// The keys of an authorized_keys file. Comments, empty lines and lines without a readable key are skipped, options in front of
// a key are ignored, as the Go worker does.
std::vector<PublicKey> parse_authorized_keys(std::string_view text);

}  // namespace concourse::ssh
