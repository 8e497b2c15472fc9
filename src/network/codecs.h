// How addresses stand in TOML: codecs for machine/toml_schema. Pure.
#pragma once

#include "machine/toml_schema.h"
#include "network/address.h"

namespace holm::network {

inline std::string describe_address(const Address& address)
{
    return describe(address);
}
inline std::string describe_cidr(const Cidr& cidr)
{
    return describe(cidr);
}
inline std::string describe_mac(const Mac& mac)
{
    return describe(mac);
}

using AddressText = machine::Text<parse_ip, describe_address>;
using CidrText = machine::Text<parse_cidr, describe_cidr>;
using MacText = machine::Text<parse_mac_bytes, describe_mac>;

}  // namespace holm::network
