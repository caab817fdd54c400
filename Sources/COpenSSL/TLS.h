#pragma once
// Macros of OpenSSL's TLS side that Swift cannot import, as static inline functions.
#include <stdint.h>

#include <openssl/bio.h>
#include <openssl/decoder.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

static inline void copenssl_rewind(BIO *bio) { (void)BIO_reset(bio); }

// Without this answer OpenSSL would ask for a passphrase on the terminal.
static inline int copenssl_no_passphrase(char *buffer, int size, int writes, void *context) {
  (void)buffer, (void)size, (void)writes, (void)context;
  return -1;
}

static inline int copenssl_only_tls13(SSL_CTX *context) {
  return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
         SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION);
}

static inline int copenssl_set_groups(SSL_CTX *context, const char *list) {
  return (int)SSL_CTX_set1_groups_list(context, list);
}

// Of the handshake signatures we accept: for the own certificate and, on a server, the client's.
static inline int copenssl_set_signatures(SSL_CTX *context, const char *list) {
  return SSL_CTX_set1_sigalgs_list(context, list) &&
         SSL_CTX_set1_client_sigalgs_list(context, list);
}

static inline void copenssl_no_session_cache(SSL_CTX *context) {
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}

static inline void copenssl_set_options(SSL_CTX *context) {
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
}

static inline void copenssl_set_mode(SSL_CTX *context) {
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

// The private key that comes first, not encrypted and of the algorithm `type`: by the decoders of that one
// only, which takes a third of the time, see OSSL_DECODER_CTX_new_for_pkey(3).
static inline EVP_PKEY *copenssl_read_usual_key(BIO *bio, const char *type) {
  EVP_PKEY *key = NULL;
  OSSL_DECODER_CTX *decoder = OSSL_DECODER_CTX_new_for_pkey(
      &key, "PEM", "PrivateKeyInfo", type, EVP_PKEY_KEYPAIR, NULL, NULL);
  if (!decoder) return NULL;
  OSSL_DECODER_CTX_set_pem_password_cb(decoder, copenssl_no_passphrase, NULL);
  (void)OSSL_DECODER_from_bio(decoder, bio);
  OSSL_DECODER_CTX_free(decoder);
  return key;
}

// Server name indication, RFC 6066 3.
static inline int copenssl_set_server_name(SSL *ssl, const char *name) {
  return (int)SSL_set_tlsext_host_name(ssl, name);
}

static inline void copenssl_retry_read(BIO *bio) {
  BIO_clear_retry_flags(bio);
  BIO_set_retry_read(bio);
}

// A place for the reason below in each SSL; made once.
static inline int copenssl_reason_index(void) {
  return SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
}

// In a verify callback: keeps why a certificate is refused for our log. Its sender is told that it is,
// and not why: else OpenSSL picks an alert for each reason, which shows strangers around.
static inline void copenssl_hide_reason(X509_STORE_CTX *store, int index) {
  SSL *ssl = (SSL *)X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
  if (ssl) SSL_set_ex_data(ssl, index, (void *)(intptr_t)X509_STORE_CTX_get_error(store));
  X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
}

// The reason that was kept, or X509_V_OK.
static inline long copenssl_hidden_reason(const SSL *ssl, int index) {
  return (long)(intptr_t)SSL_get_ex_data(ssl, index);
}

// Whether a ClientHello carries the extension for ALPN, RFC 7301.
static inline int copenssl_hello_has_alpn(SSL *ssl) {
  const unsigned char *data;
  size_t size;
  return SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                   &data, &size);
}

// The intermediates that are sent with the own certificate, which the context keeps; NULL for none.
static inline STACK_OF(X509) *copenssl_own_chain(SSL_CTX *context) {
  STACK_OF(X509) *chain = NULL;
  SSL_CTX_get0_chain_certs(context, &chain);
  return chain;
}

static inline int copenssl_is_tls_alert(unsigned long error) {
  return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET;
}

// The alert that the peer sent, as `unknown CA`.
static inline const char *copenssl_alert_text(unsigned long error) {
  return SSL_alert_desc_string_long(ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET);
}

static inline int copenssl_is_system_error(unsigned long error) {
  return ERR_SYSTEM_ERROR(error);
}

static inline GENERAL_NAMES *copenssl_alternative_names(const X509 *certificate) {
  return (GENERAL_NAMES *)X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

static inline int copenssl_name_count(const GENERAL_NAMES *names) {
  return names ? sk_GENERAL_NAME_num(names) : 0;
}

// The URI at `index`, or NULL when that name is of another kind.
static inline const ASN1_STRING *copenssl_uri(const GENERAL_NAMES *names, int index) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
  return name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
}

// Whether the store has any revocation list of the authority that signed the certificate at hand.
static inline int copenssl_issuer_has_list(X509_STORE_CTX *context) {
  X509 *certificate = X509_STORE_CTX_get_current_cert(context);
  STACK_OF(X509_CRL) *lists =
      X509_STORE_CTX_get1_crls(context, X509_get_issuer_name(certificate));
  int found = sk_X509_CRL_num(lists) > 0;
  sk_X509_CRL_pop_free(lists, X509_CRL_free);
  return found;
}
