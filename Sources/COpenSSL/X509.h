#pragma once
// Macros of OpenSSL's X.509 side that Swift cannot import, as static inline functions.
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
