#include "kernel/sysctl.h"

#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr const char* top = "/proc/sys/";

}  // namespace

bool has_sysctl(const std::string& path)
{
    return ::access((top + path).c_str(), F_OK) == 0;
}

Result<std::string> read_sysctl(const std::string& path)
{
    const std::string content = TRY(read_file(top + path));
    return std::string(trim(content));
}

Result<> write_sysctl(const Sysctl& sysctl)
{
    return write_value(top + sysctl.path, sysctl.value);
}

Result<std::vector<Sysctl>> find_different(const std::vector<Sysctl>& wanted)
{
    std::vector<Sysctl> different;
    for (const Sysctl& sysctl : wanted)
        if (TRY(read_sysctl(sysctl.path)) != sysctl.value) different.push_back(sysctl);
    return different;
}

}  // namespace holm::kernel
