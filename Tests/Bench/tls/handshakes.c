// handshakes CERTS IDENTITY HOST PORT COUNT [REQUEST]: makes COUNT new TLS 1.3 connections with a client
// certificate, one after the other, sends REQUEST if there is one, and waits for the server's first byte,
// which comes when it has accepted the certificate. Prints the microseconds of each. C and OpenSSL, as
// `openssl s_time` cannot offer ALPN.
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
  fprintf(stderr, "handshakes: %s\n", what);
  ERR_print_errors_fp(stderr);
  exit(1);
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1e6 + time.tv_nsec / 1e3;
}

static SSL_CTX *context(const char *folder, const char *identity) {
  char ca[4096], certificate[4096], key[4096];
  snprintf(ca, sizeof ca, "%s/ca.crt", folder);
  snprintf(certificate, sizeof certificate, "%s/%s.crt", folder, identity);
  snprintf(key, sizeof key, "%s/%s.key", folder, identity);
  SSL_CTX *context = SSL_CTX_new(TLS_client_method());
  if (!context || SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_load_verify_locations(context, ca, NULL) != 1 ||
      SSL_CTX_use_certificate_chain_file(context, certificate) != 1 ||
      SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) != 1)
    fail("the certificates cannot be used");
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
  SSL_CTX_set_alpn_protos(context, (const unsigned char *)"\x02h2", 3);
  return context;
}

static void handshake(SSL_CTX *context, const struct addrinfo *address, const char *request) {
  int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
  if (descriptor < 0 || connect(descriptor, address->ai_addr, address->ai_addrlen) != 0)
    fail("cannot connect");
  setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  SSL *ssl = SSL_new(context);
  if (!ssl || SSL_set_fd(ssl, descriptor) != 1 || SSL_connect(ssl) != 1) fail("refused");
  if (request && SSL_write(ssl, request, (int)strlen(request)) <= 0) fail("cannot send");
  char byte;
  if (SSL_read(ssl, &byte, 1) != 1) fail("the server said nothing");
  SSL_shutdown(ssl);
  SSL_free(ssl);
  close(descriptor);
}

int main(int count, char **words) {
  if (count < 6) fail("CERTS IDENTITY HOST PORT COUNT [REQUEST]");
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *address;
  if (getaddrinfo(words[3], words[4], &hints, &address) != 0) fail("no such host");
  SSL_CTX *tls = context(words[1], words[2]);
  for (int n = atoi(words[5]); n > 0; n--) {
    double begun = now();
    handshake(tls, address, count > 6 ? words[6] : NULL);
    printf("%.0f\n", now() - begun);
  }
  return 0;
}
