#include "security/profile.h"

#include <fmt/format.h>

namespace holm::security {

namespace {

// Paths are those of the machine's own root. "file" alone lets programs be executed with the profile that they have.
constexpr std::string_view rules = R"(  capability,
  dbus,
  file,
  mount,
  network,
  pivot_root,
  remount,
  umount,
  unix,
  ptrace (readby, tracedby),
  signal (receive),

  deny mount fstype=(binfmt_misc, configfs, debugfs, efivarfs, pstore, securityfs, tracefs),
  deny /proc/{kcore,kmem,mem,sysrq-trigger,timer_list} rwklx,
  deny /proc/sys/{dev,fs,vm}/** w,
  deny /proc/sys/kernel/{core_pattern,core_pipe_limit,core_uses_pid,hotplug,modprobe,panic*,printk*,randomize_va_space,sysrq} w,
  deny /sys/firmware/** rwklx,
  deny /sys/fs/bpf/** rwklx,
  deny /sys/kernel/{debug,security,tracing}/** rwklx,
  deny /sys/{block,bus,class,devices,module,power}/** w,
)";

}  // namespace

std::string profile_name(const machine::MachineName& machine)
{
    return "holm-machine-" + machine.text();
}

std::string describe_profile(const machine::MachineName& machine)
{
    const std::string name = profile_name(machine);
    return fmt::format("profile {0} flags=(attach_disconnected, mediate_deleted) {{\n{1}  ptrace peer={0},\n  signal peer={0},\n}}\n", name,
                       rules);
}

}  // namespace holm::security
