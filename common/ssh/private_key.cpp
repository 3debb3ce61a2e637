#include "common/ssh/private_key.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <memory>
#include <optional>

#include "common/base/error.hpp"
#include "common/base/strings.hpp"
#include "common/encoding/base64.hpp"
#include "common/os/file.hpp"
#include "common/ssh/wire.hpp"

namespace concourse::ssh {

namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Pkey = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using PkeyContext = std::unique_ptr<EVP_PKEY_CTX, Freer<EVP_PKEY_CTX_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Number = std::unique_ptr<BIGNUM, Freer<BN_clear_free>>;
using ParamBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freer<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freer<OSSL_PARAM_free>>;

constexpr const char* kRemedy = "; make one with `ssh-keygen -t rsa -N '' -f worker_key`";

Error bad(const std::string& what) { return Error(ErrorKind::invalid, what + kRemedy); }

struct PemBlock {
  std::string label;
  std::string headers;  // "Proc-Type: …" of old encrypted keys
  std::string bytes;
};

// Cut out by hand, because OpenSSL's PEM reader refuses what stands before a block in some editors' files (a byte order mark).
PemBlock read_block(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ", kEnd = "-----END ", kDashes = "-----";
  const auto begin = text.find(kBegin);
  if (begin == std::string_view::npos) {
    if (!parse_authorized_keys(text).empty()) throw bad("is a public key, not the private one");
    throw bad("holds no key in PEM form");
  }
  PemBlock block;
  text.remove_prefix(begin + kBegin.size());
  const auto label_end = text.find(kDashes);
  const auto end = text.find(kEnd);
  if (label_end == std::string_view::npos || end == std::string_view::npos || end < label_end)
    throw bad("is cut off: its PEM block has no end");
  block.label = text.substr(0, label_end);
  auto body = text.substr(label_end + kDashes.size(), end - label_end - kDashes.size());
  if (const auto colon = body.rfind(':'); colon != std::string_view::npos) {
    const auto headers_end = body.find('\n', colon);
    block.headers = trim(body.substr(0, headers_end));
    body = headers_end == std::string_view::npos ? std::string_view() : body.substr(headers_end);
  }
  auto bytes = base64_decode(body);
  if (!bytes) throw bad("is damaged: its PEM block is not base 64");
  block.bytes = std::move(*bytes);
  return block;
}

Number number(std::string_view bytes) {
  return Number(BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()), nullptr));
}

// d mod (prime - 1), which OpenSSH's format leaves out.
Number exponent_for(const BIGNUM* d, const BIGNUM* prime) {
  const std::unique_ptr<BN_CTX, Freer<BN_CTX_free>> scratch(BN_CTX_new());
  Number less(BN_dup(prime)), result(BN_new());
  if (!scratch || !less || !result || BN_sub_word(less.get(), 1) != 1 || BN_mod(result.get(), d, less.get(), scratch.get()) != 1)
    return nullptr;
  return result;
}

Pkey build_rsa(const BIGNUM* n, const BIGNUM* e, const BIGNUM* d, const BIGNUM* p, const BIGNUM* q, const BIGNUM* iqmp) {
  const auto dp = exponent_for(d, p), dq = exponent_for(d, q);
  const ParamBuilder builder(OSSL_PARAM_BLD_new());
  if (!builder || !dp || !dq) return nullptr;
  const std::pair<const char*, const BIGNUM*> fields[] = {{OSSL_PKEY_PARAM_RSA_N, n},
                                                          {OSSL_PKEY_PARAM_RSA_E, e},
                                                          {OSSL_PKEY_PARAM_RSA_D, d},
                                                          {OSSL_PKEY_PARAM_RSA_FACTOR1, p},
                                                          {OSSL_PKEY_PARAM_RSA_FACTOR2, q},
                                                          {OSSL_PKEY_PARAM_RSA_EXPONENT1, dp.get()},
                                                          {OSSL_PKEY_PARAM_RSA_EXPONENT2, dq.get()},
                                                          {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, iqmp}};
  for (const auto& [name, value] : fields)
    if (value == nullptr || OSSL_PARAM_BLD_push_BN(builder.get(), name, value) != 1) return nullptr;
  const Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_KEYPAIR, params.get()) != 1)
    return nullptr;
  return Pkey(key);
}

// openssh/PROTOCOL.key: magic, cipher, kdf, kdf options, key count, public keys, then the (here: unencrypted) private part.
Pkey decode_openssh(std::string_view bytes) {
  constexpr std::string_view kMagic("openssh-key-v1\0", 15);
  if (!bytes.starts_with(kMagic)) throw bad("is damaged: not OpenSSH's key format inside");
  WireReader outer(bytes.substr(kMagic.size()));
  const auto cipher = outer.string();
  outer.string(), outer.string();
  const auto count = outer.u32();
  outer.string();
  const auto secret = outer.string();
  if (!secret || count != 1u) throw bad("is damaged: its OpenSSH block is cut off");
  if (cipher != "none") throw bad("is protected by a passphrase, and there is nobody to ask for it");

  WireReader inner(*secret);
  const auto check1 = inner.u32(), check2 = inner.u32();
  const auto type = inner.string();
  if (!type || check1 != check2) throw bad("is damaged: its OpenSSH block is broken");
  if (type != "ssh-rsa") throw bad("is a key of type '" + std::string(*type) + "', and the TSA wants RSA");
  std::string_view fields[6];  // n e d iqmp p q
  for (auto& field : fields) field = inner.string().value_or("");
  if (fields[5].empty()) throw bad("is damaged: its OpenSSH block is cut off");
  const auto n = number(fields[0]), e = number(fields[1]), d = number(fields[2]), iqmp = number(fields[3]), p = number(fields[4]),
             q = number(fields[5]);
  return build_rsa(n.get(), e.get(), d.get(), p.get(), q.get(), iqmp.get());
}

// d2i_AutoPrivateKey tells PKCS#8 from the bare forms by looking at the bytes, so the label needn't be right.
Pkey decode_der(const std::string& bytes) {
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  return Pkey(d2i_AutoPrivateKey(nullptr, &at, static_cast<long>(bytes.size())));
}

std::string to_pem(EVP_PKEY* key) {
  const Bio out(BIO_new(BIO_s_mem()));
  if (!out || PEM_write_bio_PrivateKey_traditional(out.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
    throw Error(ErrorKind::internal, "could not re-encode the private key");
  char* data = nullptr;
  const long size = BIO_get_mem_data(out.get(), &data);
  return std::string(data, static_cast<std::size_t>(size));
}

void append_string(std::string& out, std::string_view bytes) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(bytes.size() >> shift & 0xff);
  out += bytes;
}

void append_number(std::string& out, const BIGNUM* value) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
  BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
  if (!bytes.empty() && (bytes[0] & 0x80) != 0) bytes.insert(0, 1, '\0');  // positive
  append_string(out, bytes);
}

PublicKey public_part(const EVP_PKEY* key) {
  BIGNUM *e = nullptr, *n = nullptr;
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e);
  EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &n);
  const Number owned_e(e), owned_n(n);
  if (!owned_e || !owned_n) throw Error(ErrorKind::internal, "could not read the public part of the private key");
  PublicKey out{"ssh-rsa", ""};
  append_string(out.blob, out.type);
  append_number(out.blob, e);
  append_number(out.blob, n);
  return out;
}

}  // namespace

PrivateKey PrivateKey::parse(std::string_view text) {
  const auto block = read_block(text);
  if (block.label == "ENCRYPTED PRIVATE KEY" || block.headers.find("ENCRYPTED") != std::string::npos)
    throw bad("is protected by a passphrase, and there is nobody to ask for it");
  const auto key = block.label == "OPENSSH PRIVATE KEY" ? decode_openssh(block.bytes) : decode_der(block.bytes);
  ERR_clear_error();
  if (!key) throw bad("holds a PEM block '" + block.label + "' that is no private key in PKCS#1, PKCS#8 or OpenSSH form");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA) {
    const char* type = EVP_PKEY_get0_type_name(key.get());
    throw bad("is a key of type '" + std::string(type != nullptr ? type : "unknown") + "', and the TSA wants RSA");
  }
  PrivateKey out;
  out.public_key_ = public_part(key.get());
  out.pem_ = to_pem(key.get());
  return out;
}

PrivateKey PrivateKey::load(const std::filesystem::path& path) {
  const auto text = os::read_existing_file(path, 1 << 20);
  try {
    return parse(text);
  } catch (const Error& e) {
    throw Error(e.kind(), "private key '" + path.string() + "' " + e.what());
  }
}

}  // namespace concourse::ssh
