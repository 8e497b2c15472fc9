#include "image/sha256.h"

#include <new>

#include <fmt/format.h>

namespace holm::image {

// What libcrypto can fail at here is memory alone. Fetched once: each EVP_sha256() would be looked up anew.
Sha256::Sha256() : context_(EVP_MD_CTX_new())
{
    static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (!context_ || EVP_DigestInit_ex(context_.get(), algorithm, nullptr) != 1) throw std::bad_alloc();
}

void Sha256::add(std::string_view bytes)
{
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

void Sha256::add(const Sha256Bytes& bytes)
{
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

void Sha256::add_number(uint64_t number)
{
    std::array<uint8_t, 8> bytes;
    for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(number), number >>= 8;
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
}

Sha256Bytes Sha256::finish()
{
    Sha256Bytes bytes{};
    EVP_DigestFinal_ex(context_.get(), bytes.data(), nullptr);
    return bytes;
}

std::string describe_hex(const Sha256Bytes& bytes)
{
    return fmt::format("{:02x}", fmt::join(bytes, ""));
}

std::string digest_of(std::string_view text)
{
    Sha256 hash;
    hash.add(text);
    return "sha256:" + describe_hex(hash.finish());
}

}  // namespace holm::image
