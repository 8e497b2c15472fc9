// An address as the kernel takes it. Pure.
#pragma once

#include "kernel/route.h"
#include "network/address.h"

namespace holm::network {

inline kernel::IpBytes bytes_of(const Address& address)
{
    return {address.bytes.begin(), address.bytes.begin() + (address.family == Family::V4 ? 4 : 16)};
}

// Of an IPv4 network of more than two addresses; of others there is none.
inline kernel::IpBytes broadcast_of(const Cidr& cidr)
{
    return cidr.address.family == Family::V4 && cidr.length < 31 ? bytes_of(last_of(cidr)) : kernel::IpBytes();
}

}  // namespace holm::network
