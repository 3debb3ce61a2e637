#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <cstdio>
#include <memory>

#include "common/base/error.hpp"
#include "common/config/parser.hpp"
#include "common/os/file.hpp"
#include "services/supervisor/commands.hpp"
#include "services/supervisor/options.hpp"

namespace concourse::supervisor {

namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;

Error failed(const std::string& what) { return Error(ErrorKind::internal, "OpenSSL could not " + what); }

// The form of the peer's generate-key, which both programs read: a PEM block with the label of PKCS#8 around the bytes of PKCS#1.
std::string private_key_text(EVP_PKEY* key) {
  unsigned char* der = nullptr;
  const int size = i2d_PrivateKey(key, &der);  // for RSA this is PKCS#1
  if (size <= 0) throw failed("encode the private key");
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(der, [](unsigned char* p) { OPENSSL_free(p); });
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio(out.get(), "PRIVATE KEY", "", der, size) <= 0) throw failed("encode the private key");
  char* text = nullptr;
  const long length = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(length));
}

// RFC 4251: a length in network order, then the bytes; an integer gets a zero byte in front when its first bit is set.
void append_string(std::string& wire, const std::string& bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) wire += static_cast<char>(bytes.size() >> shift & 0xff);
  wire += bytes;
}

void append_integer(std::string& wire, EVP_PKEY* key, const char* parameter) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, parameter, &raw) != 1) throw failed("read the public key");
  const Number number(raw);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(raw)), '\0');
  BN_bn2bin(raw, reinterpret_cast<unsigned char*>(bytes.data()));
  if ((bytes[0] & 0x80) != 0) bytes.insert(0, 1, '\0');
  append_string(wire, bytes);
}

// One line of an authorized_keys file.
std::string public_key_text(EVP_PKEY* key) {
  std::string wire;
  append_string(wire, "ssh-rsa");
  append_integer(wire, key, OSSL_PKEY_PARAM_RSA_E);
  append_integer(wire, key, OSSL_PKEY_PARAM_RSA_N);
  std::string text((wire.size() + 2) / 3 * 4 + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(wire.data()),
                                                       static_cast<int>(wire.size()))));
  return "ssh-rsa " + text + "\n";
}

}  // namespace

void generate_key(const Arguments& arguments) {
  const auto values = config::parse(generate_key_program(), arguments, config::current_environment(), /*words_allowed=*/true);
  const auto& file = values.text("filename");
  const Key key(EVP_RSA_gen(static_cast<std::size_t>(values.integer("bits"))));
  if (!key) throw failed("make a key of " + values.text("bits") + " bits");
  os::replace_file(file, private_key_text(key.get()), 0600);
  std::printf("wrote private key to %s\n", file.c_str());
  if (values.text("type") != "ssh") return;
  os::replace_file(file + ".pub", public_key_text(key.get()), 0644);
  std::printf("wrote ssh public key to %s\n", (file + ".pub").c_str());
}

}  // namespace concourse::supervisor
