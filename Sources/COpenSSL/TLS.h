#pragma once
// Macros of OpenSSL's TLS side that Swift cannot import, as static inline functions.
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
