// Sysctl: settings of the kernel by their path below /proc/sys, as sysctl(8) with slashes: those of net/ are of the caller's network
// namespace. Effects.
#pragma once

#include <string>
#include <vector>

#include "base/error.h"

namespace holm::kernel {

struct Sysctl {
    std::string path;  // "net/ipv4/ip_forward"
    std::string value;
    bool operator==(const Sysctl&) const = default;
};

bool has_sysctl(const std::string& path);
// Without the line's end.
Result<std::string> read_sysctl(const std::string& path);
Result<> write_sysctl(const Sysctl& sysctl);
// Those that are not as they are to be.
Result<std::vector<Sysctl>> find_different(const std::vector<Sysctl>& wanted);

}  // namespace holm::kernel
