#include "launch/plan_file.h"

#include "launch/plan_codecs.h"
#include "launch/version.h"
#include "machine/network_grammar.h"
#include "machine/toml_schema.h"
#include "network/codecs.h"

namespace holm::launch {

namespace {

using machine::field;
using machine::Field;
using machine::table_field;
using machine::tables_field;
using machine::Word;
using rootfs::File;
using rootfs::Mount;
using rootfs::Upper;
using std::pair;
using std::string_view;

// ── words ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

constexpr string_view version_key = "version";  // of the holm that has written the plan

constexpr pair<string_view, UnitKind> unit_kinds[] = {{"scope", UnitKind::Scope}, {"service", UnitKind::Service}};
constexpr pair<string_view, Console> consoles[] = {{"pipes", Console::Pipes}, {"terminal", Console::Terminal}};
constexpr pair<string_view, network::Kind> networks[] = {
    {"none", network::Kind::None}, {"host", network::Kind::Host}, {"endpoints", network::Kind::Endpoints}};
constexpr pair<string_view, network::EndpointType> endpoint_types[] = {{"bridge", network::EndpointType::Bridge},
                                                                       {"veth", network::EndpointType::Veth},
                                                                       {"macvlan", network::EndpointType::Macvlan},
                                                                       {"ipvlan", network::EndpointType::Ipvlan},
                                                                       {"physical", network::EndpointType::Physical}};
constexpr pair<string_view, string_view> protocols[] = {{"tcp", "tcp"}, {"udp", "udp"}};
constexpr pair<string_view, Upper> uppers[] = {{"none", Upper::None}, {"directory", Upper::Directory}, {"memory", Upper::Memory}};
constexpr pair<string_view, machine::IdMapping> mappings[] = {
    {"range", machine::IdMapping::Range}, {"identity", machine::IdMapping::Identity}, {"host", machine::IdMapping::Host}};
constexpr pair<string_view, machine::MountType> mount_types[] = {
    {"bind", machine::MountType::Bind},     {"tmpfs", machine::MountType::Tmpfs}, {"overlay", machine::MountType::Overlay},
    {"volume", machine::MountType::Volume}, {"image", machine::MountType::Image}, {"inaccessible", machine::MountType::Inaccessible}};
constexpr pair<string_view, File::Kind> file_kinds[] = {{"replace", File::Kind::Replace},
                                                        {"anew", File::Kind::Anew},
                                                        {"if-missing", File::Kind::IfMissing},
                                                        {"symlink", File::Kind::Symlink},
                                                        {"remove", File::Kind::Remove}};
constexpr pair<string_view, InitKind> init_kinds[] = {
    {"command", InitKind::Command}, {"systemd", InitKind::Systemd}, {"openrc", InitKind::OpenRc}, {"sysv", InitKind::Sysv},
    {"busybox", InitKind::Busybox}, {"runit", InitKind::Runit},     {"s6", InitKind::S6},         {"other", InitKind::Other}};

constexpr pair<string_view, security::SyscallProfile> syscall_profiles[] = {{"default", security::SyscallProfile::Default},
                                                                            {"none", security::SyscallProfile::None}};

Result<std::string> parse_address_or_none(string_view text)
{
    return text.empty() ? std::string() : describe(TRY(network::parse_ip(text)));
}

Result<network::Mac> parse_mac_or_none(string_view text)
{
    return text.empty() ? network::Mac{} : TRY(network::parse_mac_bytes(text));
}

std::string describe_mac_or_none(const network::Mac& mac)
{
    return mac == network::Mac{} ? "" : network::describe(mac);
}

// A link of the host may be of a kind that has none.
using MacOrNone = machine::Text<parse_mac_or_none, describe_mac_or_none>;
using AddressOrNone = machine::Text<parse_address_or_none>;
using Interface = machine::Text<machine::parse_interface>;

const std::string& describe_name(const machine::MachineName& name)
{
    return name.text();
}

// ── tables ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────

constexpr Field<Unit> unit_fields[] = {
    field<&Unit::kind, Word<unit_kinds>>("kind"),
    field<&Unit::name, AnyText>("name"),
    field<&Unit::slice, AnyText>("slice"),
    field<&Unit::description, AnyText>("description"),
    field<&Unit::properties, UnitProperties>("properties"),
};

constexpr Field<machine::IdRange> id_fields[] = {
    field<&machine::IdRange::mapping, Word<mappings>>("mapping"),
    field<&machine::IdRange::base, UserId>("base"),
    field<&machine::IdRange::count, UserId>("count"),
};

constexpr Field<rootfs::UserMap> user_map_fields[] = {
    field<&rootfs::UserMap::uid, UserId>("uid"),
    field<&rootfs::UserMap::gid, UserId>("gid"),
    field<&rootfs::UserMap::id, UserId>("id"),
};

constexpr Field<Mount> mount_fields[] = {
    field<&Mount::key, AnyText>("key"),
    field<&Mount::type, Word<mount_types>>("type"),
    field<&Mount::source, Path>("source"),
    field<&Mount::target, Path>("target"),
    field<&Mount::read_only, machine::Boolean>("read_only"),
    field<&Mount::nosuid, machine::Boolean>("nosuid"),
    field<&Mount::nodev, machine::Boolean>("nodev"),
    field<&Mount::noexec, machine::Boolean>("noexec"),
    field<&Mount::recursive, machine::Boolean>("recursive"),
    field<&Mount::optional, machine::Boolean>("optional"),
    field<&Mount::id_mapped, machine::Boolean>("id_mapped"),
    field<&Mount::options, AnyText>("options"),
    field<&Mount::live_boot, machine::Integer<unsigned, 0, UINT32_MAX>>("live_boot"),
    field<&Mount::lower, machine::List<Path, rootfs::max_layers>>("lower"),
    field<&Mount::upper, Path>("upper"),
    field<&Mount::work, Path>("work"),
    table_field<&Mount::user, user_map_fields>("user"),
};

constexpr Field<File> file_fields[] = {
    field<&File::path, AnyText>("path"),
    field<&File::kind, Word<file_kinds>>("kind"),
    field<&File::content, AnyText>("content"),
};

constexpr Field<rootfs::Device> device_fields[] = {
    field<&rootfs::Device::path, Path>("path"),
    field<&rootfs::Device::block, machine::Boolean>("block"),
    field<&rootfs::Device::major_number, UserId>("major"),
    field<&rootfs::Device::minor_number, UserId>("minor"),
    field<&rootfs::Device::uid, UserId>("uid"),
    field<&rootfs::Device::gid, UserId>("gid"),
    field<&rootfs::Device::mode, machine::Integer<uint32_t, 0, 0777>>("mode"),
    field<&rootfs::Device::access, AnyText>("access"),
};

constexpr Field<rootfs::Disk> disk_fields[] = {
    field<&rootfs::Disk::path, Path>("path"),
    field<&rootfs::Disk::type, AnyText>("type"),
    field<&rootfs::Disk::options, machine::List<AnyText>>("options"),
    field<&rootfs::Disk::begin, Count>("begin"),
    field<&rootfs::Disk::size, Count>("size"),
    field<&rootfs::Disk::writable, machine::Boolean>("writable"),
};

constexpr Field<rootfs::Plan> rootfs_fields[] = {
    field<&rootfs::Plan::machine, AnyText>("machine"),
    field<&rootfs::Plan::lower, machine::List<Path, rootfs::max_layers>>("lower"),
    field<&rootfs::Plan::upper, Word<uppers>>("upper"),
    field<&rootfs::Plan::upper_path, Path>("upper_path"),
    field<&rootfs::Plan::work_path, Path>("work_path"),
    field<&rootfs::Plan::memory_size, Count>("memory_size"),
    field<&rootfs::Plan::create_upper, machine::Boolean>("create_upper"),
    field<&rootfs::Plan::empty_at_end, machine::Boolean>("empty_at_end"),
    field<&rootfs::Plan::read_only, machine::Boolean>("read_only"),
    field<&rootfs::Plan::only_usr, machine::Boolean>("only_usr"),
    field<&rootfs::Plan::hidden, machine::List<Path>>("hidden"),
    field<&rootfs::Plan::uncovered_kernel_files, machine::Boolean>("uncovered_kernel_files"),
    table_field<&rootfs::Plan::ids, id_fields>("ids"),
    tables_field<&rootfs::Plan::mounts, mount_fields>("mount"),
    tables_field<&rootfs::Plan::disks, disk_fields>("disk"),
    tables_field<&rootfs::Plan::devices, device_fields>("device"),
    field<&rootfs::Plan::context, AnyText>("context"),
    tables_field<&rootfs::Plan::files, file_fields>("file"),
    tables_field<&rootfs::Plan::host_files, file_fields>("host_file"),
};

using Port = machine::Integer<uint16_t, 1, 65535>;

constexpr Field<network::Publication> publication_fields[] = {
    field<&network::Publication::protocol, Word<protocols>>("protocol"),
    field<&network::Publication::address, AddressOrNone>("address"),
    field<&network::Publication::host_first, Port>("host_first"),
    field<&network::Publication::host_last, Port>("host_last"),
    field<&network::Publication::first, Port>("first"),
    field<&network::Publication::last, Port>("last"),
};

constexpr Field<network::HostLink> link_fields[] = {
    field<&network::HostLink::index, machine::Integer<int, 0, INT32_MAX>>("index"),
    field<&network::HostLink::mac, MacOrNone>("mac"),
    field<&network::HostLink::mtu, machine::Integer<uint32_t, 0, UINT32_MAX>>("mtu"),
    field<&network::HostLink::kind, AnyText>("kind"),
    field<&network::HostLink::alias, AnyText>("alias"),
    field<&network::HostLink::names, machine::List<AnyText, 64>>("names"),
};

constexpr Field<network::Endpoint> endpoint_fields[] = {
    field<&network::Endpoint::type, Word<endpoint_types>>("type"),
    field<&network::Endpoint::network, AnyText>("network"),
    field<&network::Endpoint::parent, Interface>("parent"),
    field<&network::Endpoint::host_interface, Interface>("host_interface"),
    field<&network::Endpoint::interface, Interface>("interface"),
    field<&network::Endpoint::mac, MacOrNone>("mac"),
    field<&network::Endpoint::mtu, machine::Integer<uint32_t, 0, 65535>>("mtu"),
    field<&network::Endpoint::addresses, machine::List<network::CidrText, 64>>("addresses"),
    field<&network::Endpoint::gateways, machine::List<network::AddressText, 2>>("gateways"),
    field<&network::Endpoint::resolvers, machine::List<network::AddressText, 64>>("resolvers"),
    field<&network::Endpoint::domain, AnyText>("domain"),
    field<&network::Endpoint::aliases, machine::List<machine::Text<machine::parse_alias>, 64>>("aliases"),
    field<&network::Endpoint::ingress, Count>("ingress"),
    field<&network::Endpoint::egress, Count>("egress"),
    field<&network::Endpoint::allow, machine::List<machine::Text<machine::parse_rule>>>("allow"),
    field<&network::Endpoint::deny, machine::List<machine::Text<machine::parse_rule>>>("deny"),
    tables_field<&network::Endpoint::published, publication_fields>("published"),
    table_field<&network::Endpoint::link, link_fields>("link"),
};

constexpr Field<network::Plan> network_fields[] = {
    field<&network::Plan::kind, Word<networks>>("kind"),
    tables_field<&network::Plan::endpoints, endpoint_fields>("endpoint"),
};

constexpr Field<security::Syscalls> syscall_fields[] = {
    field<&security::Syscalls::profile, Word<syscall_profiles>>("profile"),
    field<&security::Syscalls::allow, machine::List<AnyText>>("allow"),
    field<&security::Syscalls::deny, machine::List<AnyText>>("deny"),
    field<&security::Syscalls::log, machine::Boolean>("log"),
    field<&security::Syscalls::filter, Path>("filter"),
};

constexpr Field<security::Plan> security_fields[] = {
    field<&security::Plan::capabilities, Capabilities>("capabilities"),
    field<&security::Plan::no_new_privileges, machine::Boolean>("no_new_privileges"),
    field<&security::Plan::nesting, machine::Boolean>("nesting"),
    field<&security::Plan::oom_score_adjust, machine::Integer<int, -1000, 1000>>("oom_score_adjust"),
    field<&security::Plan::masked, machine::List<Path>>("masked"),
    field<&security::Plan::read_only, machine::List<Path>>("read_only"),
    field<&security::Plan::writable, machine::List<Path>>("writable"),
    field<&security::Plan::boottime_offset, ClockOffset>("boottime_offset"),
    field<&security::Plan::monotonic_offset, ClockOffset>("monotonic_offset"),
    field<&security::Plan::apparmor, AnyText>("apparmor"),
    field<&security::Plan::selinux, AnyText>("selinux"),
    field<&security::Plan::runtime, Path>("runtime"),
    field<&security::Plan::own_profile, machine::Boolean>("own_profile"),
    table_field<&security::Plan::syscalls, syscall_fields>("syscalls"),
    machine::map_field<&security::Plan::sysctls, parse_any, AnyText>("sysctls"),
    machine::map_field<&security::Plan::rlimits, machine::parse_limit_name, Limit>("rlimits"),
};

constexpr pair<string_view, machine::Restart> restarts[] = {
    {"no", machine::Restart::No}, {"on-failure", machine::Restart::OnFailure}, {"always", machine::Restart::Always}};
constexpr pair<string_view, machine::OnUnhealthy> on_failures[] = {
    {"none", machine::OnUnhealthy::None}, {"restart", machine::OnUnhealthy::Restart}, {"stop", machine::OnUnhealthy::Stop}};

constexpr Field<Check> check_fields[] = {
    field<&Check::command, machine::List<AnyText, max_arguments>>("command"),
    field<&Check::port, machine::Integer<uint16_t, 0, UINT16_MAX>>("port"),
    field<&Check::what, AnyText>("what"),
};

constexpr Field<Health> health_fields[] = {
    field<&Health::interval, Duration>("interval"),
    field<&Health::timeout, Duration>("timeout"),
    field<&Health::retries, machine::Integer<unsigned, 0, UINT32_MAX>>("retries"),
    field<&Health::on_failure, Word<on_failures>>("on_failure"),
    table_field<&Health::check, check_fields>("check"),
};

constexpr Field<Payload> payload_fields[] = {
    field<&Payload::init_kind, Word<init_kinds>>("init_kind"),
    field<&Payload::boot, machine::Boolean>("boot"),
    field<&Payload::stub, machine::Boolean>("stub"),
    field<&Payload::command, machine::List<AnyText, max_arguments>>("command"),
    field<&Payload::user, AnyText>("user"),
    field<&Payload::working_directory, AnyText>("working_directory"),
    field<&Payload::makes_working_directory, machine::Boolean>("makes_working_directory"),
    field<&Payload::hostname, AnyText>("hostname"),
    field<&Payload::stop_signal, machine::Integer<int, 0, 64>>("stop_signal"),
    field<&Payload::start_timeout, Duration>("start_timeout"),
    field<&Payload::stop_timeout, Duration>("stop_timeout"),
    field<&Payload::ready_by_notify, machine::Boolean>("ready_by_notify"),
    field<&Payload::restart, Word<restarts>>("restart"),
    field<&Payload::restart_delay, Duration>("restart_delay"),
    field<&Payload::restart_limit, machine::Integer<unsigned, 0, UINT32_MAX>>("restart_limit"),
    machine::map_field<&Payload::environment, parse_any, AnyText>("environment"),
    table_field<&Payload::ready_check, check_fields>("ready_check"),
    table_field<&Payload::health, health_fields>("health"),
};

constexpr Field<Credential> credential_fields[] = {
    field<&Credential::name, AnyText>("name"),
    field<&Credential::path, Path>("path"),
};

constexpr Field<Plan> plan_fields[] = {
    field<&Plan::name, machine::Text<machine::parse_name, describe_name>>("name"),
    field<&Plan::uuid, machine::Text<machine::parse_machine_id>>("uuid"),
    field<&Plan::console, Word<consoles>>("console"),
    field<&Plan::remove_at_end, machine::Boolean>("remove_at_end"),
    field<&Plan::state, Path>("state"),
    field<&Plan::locked_paths, machine::List<Path>>("locked_paths"),
    field<&Plan::shared_paths, machine::List<Path>>("shared_paths"),
    field<&Plan::range_lock, Path>("range_lock"),
    field<&Plan::hold, AnyText>("hold"),
    field<&Plan::warnings, machine::List<AnyText>>("warnings"),
    table_field<&Plan::unit, unit_fields>("unit"),
    table_field<&Plan::rootfs, rootfs_fields>("rootfs"),
    table_field<&Plan::network, network_fields>("network"),
    table_field<&Plan::security, security_fields>("security"),
    table_field<&Plan::payload, payload_fields>("payload"),
    tables_field<&Plan::credentials, credential_fields>("credential"),
};

Result<> check_endpoints(const network::Plan& plan)
{
    if ((plan.kind == network::Kind::Endpoints) == plan.endpoints.empty())
        return error(Errc::Invalid, "has endpoints where its network has none, or none where it has");
    for (const network::Endpoint& endpoint : plan.endpoints) {
        if (endpoint.interface.empty()) return error(Errc::Invalid, "has an endpoint without an interface");
        for (const network::Publication& published : endpoint.published)
            if (published.protocol.empty() || published.host_first == 0 || published.first == 0 ||
                published.host_last < published.host_first ||
                published.last - published.first != published.host_last - published.host_first)
                return error(Errc::Invalid, "has a published port that is none");
    }
    return {};
}

// What a plan without would do wrong, not only nothing.
Result<> check_plan(const Plan& plan)
{
    const machine::IdRange& ids = plan.rootfs.ids;
    if (plan.name.text().empty() || plan.rootfs.machine != plan.name.text()) return error(Errc::Invalid, "names no machine");
    if (plan.uuid.empty()) return error(Errc::Invalid, "has no uuid");
    if (plan.rootfs.lower.empty()) return error(Errc::Invalid, "has no root");
    if (plan.payload.command.empty() || plan.payload.command[0].empty()) return error(Errc::Invalid, "has no command");
    if (plan.rootfs.upper == Upper::Directory && (plan.rootfs.upper_path.empty() || plan.rootfs.work_path.empty()))
        return error(Errc::Invalid, "has no place for its upper");
    if (ids.count == 0 || uint64_t{ids.base} + ids.count > UINT32_MAX || (ids.mapping == machine::IdMapping::Range && ids.base == 0))
        return error(Errc::Invalid, "has no valid range of user ids");
    return check_endpoints(plan.network);
}

}  // namespace

std::string describe_plan_file(const Plan& plan)
{
    machine::TomlWriter writer;
    write_fields(plan, plan_fields, writer);
    return fmt::format("# Made by holm at the start of the machine; what its supervisor does, and no more.\n{} = \"{}\"\n{}", version_key,
                       HOLM_VERSION, writer.text());
}

Result<Plan> parse_plan_file(std::string_view text, std::string_view file)
{
    if (text.size() > max_plan_file) return error(Errc::Invalid, "'{}' is no plan: larger than {} bytes", file, max_plan_file);
    machine::TomlValue document = TRY(machine::parse_toml({.file = std::string(file), .text = std::string(text)}));
    const machine::TomlValue* version = document.find(version_key);
    const bool is_ours = version && version->kind == machine::TomlValue::Kind::String && version->text == HOLM_VERSION;
    std::erase_if(document.entries, [](const machine::TomlEntry& entry) { return entry.key == version_key; });
    Plan plan;
    machine::OriginMap origins;
    TRY(read_document(document, plan, plan_fields, origins, !is_ours));
    TRY(check_plan(plan), fmt::format("the plan '{}'", file));
    return plan;
}

}  // namespace holm::launch
