#include "security/capability_set.h"

#include <linux/capability.h>

#include <algorithm>
#include <span>

#include "base/text.h"
#include "machine/identifiers.h"

namespace holm::security {

namespace {

template <typename... Numbers>
constexpr uint64_t set_of(Numbers... numbers)
{
    return (capability_bit(numbers) | ...);
}

}  // namespace

// systemd-nspawn's set, CAP_NET_ADMIN and CAP_NET_BIND_SERVICE, without AUDIT_CONTROL, MKNOD and LINUX_IMMUTABLE: Debian 12 boots
// to `running` with it. The machine's user namespace is what gives them their small meaning.
const uint64_t boot_capabilities =
    set_of(CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER, CAP_FSETID, CAP_IPC_OWNER, CAP_KILL, CAP_LEASE, CAP_NET_ADMIN,
           CAP_NET_BIND_SERVICE, CAP_NET_BROADCAST, CAP_NET_RAW, CAP_SETFCAP, CAP_SETGID, CAP_SETPCAP, CAP_SETUID, CAP_SYS_ADMIN,
           CAP_SYS_BOOT, CAP_SYS_CHROOT, CAP_SYS_NICE, CAP_SYS_PTRACE, CAP_SYS_RESOURCE, CAP_SYS_TTY_CONFIG, CAP_AUDIT_WRITE);

// Podman's default without SETFCAP.
const uint64_t command_capabilities = set_of(CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER, CAP_SETGID, CAP_SETUID, CAP_SETPCAP,
                                             CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL);

Result<uint64_t> parse_capability_bit(std::string_view name)
{
    std::span<const std::string_view> names = machine::capability_names();
    auto found = std::ranges::find(names, name);
    if (found != names.end()) return capability_bit(static_cast<int>(found - names.begin()));
    if (name.starts_with("CAP_"))
        if (auto number = parse_number(name.substr(4), 63)) return capability_bit(static_cast<int>(*number));
    return error(Errc::Invalid, "'{}' is no capability{}", printable(name, 80), did_you_mean(name, names));
}

std::vector<std::string> describe_capabilities(uint64_t set)
{
    std::span<const std::string_view> names = machine::capability_names();
    std::vector<std::string> list;
    for (int number = 0; number < 64; ++number) {
        if (!(set & capability_bit(number))) continue;
        list.push_back(static_cast<size_t>(number) < names.size() ? std::string(names[number]) : fmt::format("CAP_{}", number));
    }
    return list;
}

}  // namespace holm::security
