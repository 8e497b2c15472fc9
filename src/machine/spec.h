// Spec: what the user asked of a machine, one field a key of its definition (holm.machine(5)), checked, with no defaults
// that depend on the host. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine/name.h"

namespace holm::machine {

using Microseconds = std::chrono::microseconds;

// Where a key was written. file "" = on a command line or over D-Bus.
struct Origin {
    std::string file;
    unsigned line = 0;
    unsigned column = 0;
    bool operator==(const Origin&) const = default;
};

enum class RootMode { Persistent, Ephemeral, ReadOnly, Volatile };

// Exactly one of path, image and lower is set; all paths absolute and normalised (AbsolutePath rules of spec_file).
struct RootSpec {
    std::string path;
    std::string image;               // a bare name
    std::vector<std::string> lower;  // topmost first, 1 to 64
    std::string upper;
    RootMode mode = RootMode::Persistent;
    std::optional<uint64_t> size;  // bytes, of the upper
    bool operator==(const RootSpec&) const = default;
};

enum class Restart { No, OnFailure, Always };
enum class ReadyKind { Default, Started, Notify, Unit, Port, Command };
struct Ready {
    ReadyKind kind = ReadyKind::Default;  // Default: Notify where systemd is the init, else Started
    std::string argument;                 // unit, port or command line
    bool operator==(const Ready&) const = default;
};

struct PayloadSpec {
    std::optional<bool> boot;  // default: true unless a command is given
    std::vector<std::string> command;
    bool init = false;
    std::string user = "root";
    std::string working_directory = "/";
    bool makes_working_directory = false;  // where it is missing: no key, but of one that an image asks for
    std::vector<std::pair<std::string, std::string>> environment;
    std::optional<Microseconds> start_timeout;  // default: of holm.toml, 90 s
    std::optional<Microseconds> stop_timeout;
    std::optional<int> stop_signal;  // default: by the kind of init
    Ready ready;
    Restart restart = Restart::No;
    Microseconds restart_delay = std::chrono::milliseconds(100);
    unsigned restart_limit = 5;
    bool operator==(const PayloadSpec&) const = default;
};

enum class MountType { Bind, Tmpfs, Overlay, Volume, Image, Inaccessible };
enum class MountOwner { Machine, Host, User };
struct MountSpec {
    std::string source;
    std::string target;
    MountType type = MountType::Bind;
    bool read_only = false;
    bool optional = false;
    std::vector<std::string> options;  // nosuid nodev noexec norec size=N mode=N lower=PATH upper=PATH
    MountOwner owner = MountOwner::Machine;
    std::string owner_user;  // "alice" of "user:alice=1000"
    uint32_t owner_id = 0;
    bool operator==(const MountSpec&) const = default;
};

struct NetworkSpec {
    std::string network;  // "none", "host", "veth", "bridge:X", "macvlan:X", "ipvlan:X", "physical:X", or a definition's name
    std::string interface;
    std::vector<std::string> address;
    std::string mac;
    std::optional<uint32_t> mtu;
    std::vector<std::string> aliases;
    std::string ingress, egress;
    std::vector<std::string> allow, deny, publish;
    bool operator==(const NetworkSpec&) const = default;
};

enum class UsersKind { Auto, Range, Identity, Host };
struct Users {
    UsersKind kind = UsersKind::Auto;
    uint32_t base = 0;   // Range only
    uint32_t count = 0;  // Range only
    bool operator==(const Users&) const = default;
};

struct SecuritySpec {
    Users users;
    std::vector<std::string> capabilities_add, capabilities_drop;  // "CAP_NET_ADMIN"
    std::string syscall_profile = "default";
    std::vector<std::string> syscalls_allow, syscalls_deny;
    bool syscalls_log = false;
    std::vector<std::string> devices;
    std::optional<bool> no_new_privileges;  // default: false for boot, true for a command
    bool nesting = false;
    std::string apparmor, selinux, selinux_mounts;
    std::map<std::string, std::pair<uint64_t, uint64_t>> rlimits;  // "NOFILE" -> soft, hard; UINT64_MAX = infinity
    std::optional<int> oom_score_adjust;
    std::map<std::string, std::string> sysctl;
    std::string isolation = "namespaces";
    std::optional<std::chrono::nanoseconds> boottime_offset, monotonic_offset;
    bool operator==(const SecuritySpec&) const = default;
};

// What becomes of the machine's /etc/resolv.conf, and which file of the host it is: as systemd-nspawn's --resolv-conf.
enum class ResolvConfMode { Auto, Off, Delete, Copy, Replace, Bind };
enum class Resolver { Host, Static, Uplink, Stub };  // the host's own, and those of systemd-resolved
struct ResolvConf {
    ResolvConfMode mode = ResolvConfMode::Auto;
    Resolver of = Resolver::Host;  // Copy, Replace, Bind
    bool operator==(const ResolvConf&) const = default;
};

enum class MachineIdKind { Default, Keep, Fresh, Derived, Given };
struct IdentitySpec {
    std::string hostname;                               // "" = the machine's name
    MachineIdKind machine_id = MachineIdKind::Default;  // Default: Keep for path, Derived for overlays
    std::string machine_id_value;                       // 32 hex digits, Given only
    std::string timezone = "copy";  // or auto, symlink, bind, delete, off: words of --timezone of systemd-nspawn; or a zone
    ResolvConf resolv_conf;
    bool operator==(const IdentitySpec&) const = default;
};

struct CredentialSpec {
    std::string name;
    std::string file;
    std::string value;  // instead of a file
    bool operator==(const CredentialSpec&) const = default;
};

enum class OnUnhealthy { None, Restart, Stop };
struct HealthSpec {
    static constexpr Microseconds shortest = std::chrono::milliseconds(100);  // of interval and timeout
    std::vector<std::string> command;
    std::optional<uint16_t> port;
    std::string unit;
    Microseconds interval = std::chrono::seconds(10), timeout = std::chrono::seconds(2);
    unsigned retries = 3;
    OnUnhealthy on_failure = OnUnhealthy::None;
    bool operator==(const HealthSpec&) const = default;
};

struct UnitSpec {
    std::string slice = "machine.slice";
    std::vector<std::string> after, requires_, wants;  // unit names; "machine:X" already turned into "holm@X.service"
    bool operator==(const UnitSpec&) const = default;
};

struct Spec {
    MachineName name;
    std::string description;
    std::vector<std::string> profiles;
    std::map<std::string, std::string> labels;
    std::string owner;
    std::vector<std::string> protect;  // of remove, start, stop
    RootSpec root;
    PayloadSpec payload;
    std::vector<MountSpec> mounts;
    std::vector<NetworkSpec> networks;
    std::vector<std::pair<std::string, std::string>> resources;  // in the order of the file; the value as systemd's text
    SecuritySpec security;
    IdentitySpec identity;
    std::vector<CredentialSpec> credentials;
    std::optional<HealthSpec> health;
    UnitSpec unit;

    // Dotted key ("root.lower[1]", "mount[0].source") -> where it was written; for errors that are found later.
    std::map<std::string, Origin> origins;

    bool operator==(const Spec&) const = default;
};

// " (/etc/holm/machines/web.toml:7:3)" for a key that came from a file, else "".
std::string describe_origin(const Spec& spec, std::string_view key);

// The OCI runtime that runs the machine's command in a sandbox, by its program's name; "" where the machine is namespaces alone.
inline std::string_view runtime_of(const SecuritySpec& security)
{
    return security.isolation == "runsc" ? "runsc" : security.isolation == "kata" ? "kata-runtime" : "";
}

// Whether the root's own init is booted: `boot`, or no command.
inline bool boots(const PayloadSpec& payload)
{
    return payload.boot.value_or(payload.command.empty());
}

}  // namespace holm::machine
