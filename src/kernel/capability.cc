#include "kernel/capability.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace holm::kernel {

Result<CapabilitySets> get_capabilities()
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    if (::syscall(SYS_capget, &header, data)) return sys_error("cannot read the capabilities");
    auto join = [](uint32_t low, uint32_t high) { return uint64_t{high} << 32 | low; };
    return CapabilitySets{.effective = join(data[0].effective, data[1].effective),
                          .permitted = join(data[0].permitted, data[1].permitted),
                          .inheritable = join(data[0].inheritable, data[1].inheritable)};
}

Result<> set_capabilities(const CapabilitySets& sets)
{
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    for (int half = 0; half < 2; ++half) {
        auto part = [&](uint64_t set) { return static_cast<uint32_t>(set >> (32 * half)); };
        data[half] = {part(sets.effective), part(sets.permitted), part(sets.inheritable)};
    }
    if (::syscall(SYS_capset, &header, data)) return sys_error("cannot set the capabilities");
    return {};
}

Result<> raise_permitted_capabilities()
{
    CapabilitySets sets = TRY(get_capabilities());
    sets.effective = sets.permitted;
    return set_capabilities(sets);
}

uint64_t known_capabilities()
{
    uint64_t known = 0;
    for (int number = 0; number < 64 && ::prctl(PR_CAPBSET_READ, number) >= 0; ++number) known |= uint64_t{1} << number;
    return known;
}

Result<> bound_capabilities(uint64_t kept)
{
    uint64_t dropped = known_capabilities() & ~kept;
    for (int number = 0; number < 64; ++number)
        if (dropped >> number & 1 && ::prctl(PR_CAPBSET_DROP, number)) return sys_error("cannot drop capability {}", number);
    if (::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)) return sys_error("cannot empty the ambient capabilities");
    return {};
}

}  // namespace holm::kernel
