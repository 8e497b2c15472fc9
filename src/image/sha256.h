// Sha256: the hash of bytes that come in pieces. Pure, but for libcrypto.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include "base/handle.h"

namespace holm::image {

using Sha256Bytes = std::array<uint8_t, 32>;

class Sha256 {
public:
    Sha256();
    void add(std::string_view bytes);
    void add(const Sha256Bytes& bytes);
    void add_number(uint64_t number);  // as 8 bytes, the least first
    Sha256Bytes finish();              // nothing can be added after it

private:
    Handle<EVP_MD_CTX, EVP_MD_CTX_free> context_;
};

std::string describe_hex(const Sha256Bytes& bytes);
// "sha256:…" of a whole text.
std::string digest_of(std::string_view text);

}  // namespace holm::image
