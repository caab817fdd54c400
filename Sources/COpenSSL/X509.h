#pragma once
// Macros of OpenSSL's X.509 side that Swift cannot import, as static inline functions.
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

/// A new key pair on `curve`, or NULL. C because EVP_PKEY_Q_keygen(3) is variadic.
static inline EVP_PKEY *copenssl_generate_ec(const char *curve) {
  return EVP_PKEY_Q_keygen(NULL, NULL, "EC", curve);
}

/// A new Ed25519 key pair, or NULL.
static inline EVP_PKEY *copenssl_generate_ed25519(void) {
  return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
}

/// The bytes in a memory BIO and their number, see BIO_get_mem_data(3). They stay the BIO's.
static inline long copenssl_bio_bytes(BIO *bio, const char **bytes) {
  return BIO_get_mem_data(bio, bytes);
}

/// What an OpenSSL function allocated and handed over, see OPENSSL_free(3).
static inline void copenssl_free(void *memory) { OPENSSL_free(memory); }

static inline int copenssl_names_count(const GENERAL_NAMES *names) {
  return sk_GENERAL_NAME_num(names);
}
static inline const GENERAL_NAME *copenssl_names_at(const GENERAL_NAMES *names, int index) {
  return sk_GENERAL_NAME_value(names, index);
}
/// The stack owns `name` when 1 is returned.
static inline int copenssl_names_push(GENERAL_NAMES *names, GENERAL_NAME *name) {
  return sk_GENERAL_NAME_push(names, name) > 0;
}

/// Adds the extension `nid`, told as in x509v3_config(5) but without any configuration file.
/// 1, or 0 and OpenSSL's error queue. `value` must be a constant: its syntax has commas.
static inline int copenssl_add_extension(
    X509 *certificate, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context = {0};
  X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
  int added = extension != NULL && X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
  return added;
}

/// As `copenssl_add_extension`, for a revocation list.
static inline int copenssl_crl_add_extension(
    X509_CRL *crl, X509 *issuer, int nid, const char *value) {
  X509V3_CTX context = {0};
  X509V3_set_ctx(&context, issuer, NULL, NULL, crl, 0);
  X509_EXTENSION *extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
  int added = extension != NULL && X509_CRL_add_ext(crl, extension, -1);
  X509_EXTENSION_free(extension);
  return added;
}
