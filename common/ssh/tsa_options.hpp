// Whom to connect to, whom to believe, and who we are: the three TSA flags, checked.
#pragma once

#include <string>
#include <vector>

#include "common/config/values.hpp"
#include "common/ssh/private_key.hpp"
#include "common/ssh/public_key.hpp"

namespace concourse::ssh {

struct TsaOptions {
  std::vector<std::string> hosts;    // "host:port", "[v6]:port"
  std::vector<PublicKey> host_keys;  // the TSA must prove that it has one of them; its name isn't looked at
  std::string host_keys_file;        // where they came from, for messages
  PrivateKey private_key;

  // From config::tsa_group(). Reads the files. Throws Error(usage): one line with every problem, each with its flag, file and
  // remedy.
  static TsaOptions from(const config::Values& values);

  // The hosts in a random order, as every connection takes them.
  std::vector<std::string> shuffled_hosts() const;
};

// Splits "host:port", also "[v6]:port". Throws Error(invalid).
struct HostPort {
  std::string host, port;
};
HostPort parse_host_port(const std::string& text);

}  // namespace concourse::ssh
