#include "common/ssh/public_key.hpp"

#include <doctest/doctest.h>

#include "common/encoding/base64.hpp"
#include "common/ssh/test_keys.hpp"

using namespace concourse::ssh;
using namespace concourse::ssh::test;

TEST_CASE("authorized keys: keys are found among comments, options and rubbish") {
  const std::string rsa = std::string("ssh-rsa ") + kPublic, ed = std::string("ssh-ed25519 ") + kPublicEd25519;
  const auto keys =
      parse_authorized_keys("# hosts\n\n" + rsa + " first one\r\n   " + ed + "\nrubbish line\nssh-rsa not-base64\nssh-ed25519 " +
                            kPublic + "\nno-pty,command=\"echo \\\"a b\\\" c\" " + rsa + " with options");
  REQUIRE(keys.size() == 3);
  CHECK(keys[0].type == "ssh-rsa");
  CHECK(base64_encode(keys[0].blob) == kPublic);
  CHECK(keys[1].type == "ssh-ed25519");
  CHECK(keys[2] == keys[0]);
  CHECK(parse_authorized_keys("").empty());
  CHECK(parse_authorized_keys("ssh-rsa").empty());
}

TEST_CASE("public key: the fingerprint is ssh-keygen's") {
  CHECK(fingerprint(*base64_decode(kPublic)) == "SHA256:TB0wDqr5md4RteGMlM3CZv0BdOg1Riuifc23mMTjLcg");
  CHECK(type_of("") == "");
  CHECK(type_of(std::string("\xff\xff\xff\xff", 4)) == "");
}
