#include "machine/spec_schema.h"

#include "machine/grammar.h"
#include "machine/guest_files.h"
#include "machine/identifiers.h"
#include "machine/network_grammar.h"
#include "machine/resources_field.h"
#include "machine/toml_schema.h"

namespace holm::machine {

namespace {

using Path = Text<parse_path>;
using Line = Text<parse_line>;
using Argument = Text<parse_argument>;
using Name = Text<parse_file_name>;
using Unit = Text<parse_unit>;
using Duration = TextOrInteger<parse_duration, describe_duration>;

template <typename Enum>
using Words = std::pair<std::string_view, Enum>;

// ── root ────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

constexpr Words<RootMode> root_modes[] = {{"persistent", RootMode::Persistent},
                                          {"ephemeral", RootMode::Ephemeral},
                                          {"read-only", RootMode::ReadOnly},
                                          {"volatile", RootMode::Volatile}};

constexpr Field<RootSpec> root_fields[] = {
    field<&RootSpec::path, Path>("path"),
    field<&RootSpec::image, Name>("image"),
    field<&RootSpec::lower, List<Path, 64>>("lower"),
    field<&RootSpec::upper, Path>("upper"),
    field<&RootSpec::mode, Word<root_modes>>("mode"),
    field<&RootSpec::size, TextOrInteger<parse_size, describe_size>>("size"),
};

// ── payload ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────

constexpr Words<Restart> restarts[] = {{"no", Restart::No}, {"on-failure", Restart::OnFailure}, {"always", Restart::Always}};

constexpr Field<PayloadSpec> payload_fields[] = {
    field<&PayloadSpec::boot, Boolean>("boot"),
    field<&PayloadSpec::command, List<Argument>>("command"),
    field<&PayloadSpec::init, Boolean>("init"),
    field<&PayloadSpec::user, Text<parse_user>>("user"),
    field<&PayloadSpec::working_directory, Path>("working_directory"),
    field<&PayloadSpec::start_timeout, Duration>("start_timeout"),
    field<&PayloadSpec::stop_timeout, Duration>("stop_timeout"),
    field<&PayloadSpec::stop_signal, TextOrInteger<parse_signal, describe_signal>>("stop_signal"),
    field<&PayloadSpec::ready, Text<parse_ready, describe_ready>>("ready"),
    field<&PayloadSpec::restart, Word<restarts>>("restart"),
    field<&PayloadSpec::restart_delay, Duration>("restart_delay"),
    field<&PayloadSpec::restart_limit, Integer<unsigned, 0, 1000000>>("restart_limit"),
    map_field<&PayloadSpec::environment, parse_variable_name, Argument>("environment"),
};

// ── mounts, networks, credentials ───────────────────────────────────────────────────────────────────────────────────────────

constexpr Words<MountType> mount_types[] = {{"bind", MountType::Bind},       {"tmpfs", MountType::Tmpfs},
                                            {"overlay", MountType::Overlay}, {"volume", MountType::Volume},
                                            {"image", MountType::Image},     {"inaccessible", MountType::Inaccessible}};

Result<std::string> parse_mount_option(std::string_view text)
{
    constexpr std::string_view known[] = {"nosuid", "nodev", "noexec", "norec", "size=", "mode=", "lower=", "upper="};
    for (std::string_view option : known)
        if (text == option && !option.ends_with('=')) return std::string(text);
    if (text.starts_with("size=")) return fmt::format("size={}", TRY(parse_size(text.substr(5))));
    if (text.starts_with("lower=")) return "lower=" + TRY(parse_path(text.substr(6)));
    if (text.starts_with("upper=")) return "upper=" + TRY(parse_path(text.substr(6)));
    if (text.starts_with("mode=")) {
        std::string_view mode = text.substr(5);
        bool octal = !mode.empty() && mode.size() <= 4 && mode.find_first_not_of("01234567") == mode.npos;
        if (!octal) return error(Errc::Invalid, "'{}' is no mode: up to four octal digits", printable(mode, 80));
        return std::string(text);
    }
    return error(Errc::Invalid,
                 "'{}' is no option of a mount: nosuid, nodev, noexec, norec, size=BYTES, mode=OCTAL, lower=PATH, upper=PATH{}",
                 printable(text, 80), did_you_mean(text, known));
}

struct Owner {
    MountOwner kind = MountOwner::Machine;
    std::string user;
    uint32_t id = 0;
};

Result<Owner> parse_owner(std::string_view text)
{
    if (text == "machine") return Owner{};
    if (text == "host") return Owner{MountOwner::Host, "", 0};
    size_t equals = text.rfind('=');
    if (text.starts_with("user:") && equals != text.npos) {
        auto id = parse_number(text.substr(equals + 1), UINT32_MAX - 1);
        if (!id) return error(Errc::Invalid, "'{}' is no id: decimal digits up to 4294967294", printable(text.substr(equals + 1), 80));
        std::string user = TRY(parse_user_name(text.substr(5, equals - 5)));
        return Owner{MountOwner::User, std::move(user), static_cast<uint32_t>(*id)};
    }
    return error(Errc::Invalid, "'{}' is none of machine, host and user:NAME=ID", printable(text, 80));
}

constexpr Field<MountSpec> mount_owner_field = {
    "owner",
    [](const TomlValue& value, MountSpec& mount, Place& place, OriginMap&) -> Result<> {
        Owner owner = TRY((Text<parse_owner>::parse(value, place)));
        mount.owner = owner.kind, mount.owner_user = std::move(owner.user), mount.owner_id = owner.id;
        return {};
    },
    [](const MountSpec& mount, std::string_view key, TomlWriter& writer) {
        if (mount.owner == MountOwner::Host) writer.value(key, "\"host\"");
        if (mount.owner == MountOwner::User) writer.value(key, toml_quote(fmt::format("user:{}={}", mount.owner_user, mount.owner_id)));
    }};

// Of a volume a name, of all others a path: check_consistent knows the type.
Result<std::string> parse_mount_source(std::string_view text)
{
    return text.starts_with('/') ? parse_path(text) : parse_file_name(text);
}

constexpr Field<MountSpec> mount_fields[] = {
    field<&MountSpec::source, Text<parse_mount_source>>("source"),
    field<&MountSpec::target, Path>("target"),
    field<&MountSpec::type, Word<mount_types>>("type"),
    field<&MountSpec::read_only, Boolean>("read_only"),
    field<&MountSpec::optional, Boolean>("optional"),
    field<&MountSpec::options, List<Text<parse_mount_option>, 16>>("options"),
    mount_owner_field,
};

constexpr Field<NetworkSpec> network_fields[] = {
    field<&NetworkSpec::network, Text<parse_network>>("network"),
    field<&NetworkSpec::interface, Text<parse_interface>>("interface"),
    field<&NetworkSpec::address, List<Text<parse_address>, 64>>("address"),
    field<&NetworkSpec::mac, Text<parse_mac>>("mac"),
    field<&NetworkSpec::mtu, Integer<uint32_t, 68, 65535>>("mtu"),
    field<&NetworkSpec::aliases, List<Text<parse_alias>, 64>>("aliases"),
    field<&NetworkSpec::ingress, Text<parse_rate>>("ingress"),
    field<&NetworkSpec::egress, Text<parse_rate>>("egress"),
    field<&NetworkSpec::allow, List<Text<parse_rule>>>("allow"),
    field<&NetworkSpec::deny, List<Text<parse_rule>>>("deny"),
    field<&NetworkSpec::publish, List<Text<parse_publication>>>("publish"),
};

// What is wrong with it is said without it.
Result<std::string> parse_secret(std::string_view text)
{
    if (text.empty()) return error(Errc::Invalid, "it is empty");
    if (text.contains('\0')) return error(Errc::Invalid, "it has a NUL");
    return std::string(text);
}

constexpr Field<CredentialSpec> credential_fields[] = {
    field<&CredentialSpec::name, Name>("name"),
    field<&CredentialSpec::file, Path>("file"),
    field<&CredentialSpec::value, Text<parse_secret>>("value"),
};

// ── security ────────────────────────────────────────────────────────────────────────────────────────────────────────────────

constexpr Field<SecuritySpec> rlimits_field = {
    "rlimits",
    [](const TomlValue& value, SecuritySpec& security, Place& place, OriginMap& origins) -> Result<> {
        if (value.kind != TomlValue::Kind::Table) return wrong_kind(value, "a table");
        const std::string path = place.path;
        for (const auto& [name, limit] : value.entries) {
            place = {inner_path(path, name), limit.origin};
            origins[place.path] = place.origin;
            std::string known = TRY(parse_limit_name(name));
            if (limit.kind != TomlValue::Kind::String && limit.kind != TomlValue::Kind::Integer) return wrong_kind(limit, "a string");
            std::string text = limit.kind == TomlValue::Kind::Integer ? fmt::format("{}", limit.number) : limit.text;
            security.rlimits[known] = TRY(parse_limit(known, text));
        }
        return {};
    },
    [](const SecuritySpec& security, std::string_view key, TomlWriter& writer) {
        TomlWriter inner = writer.table(key);
        for (const auto& [name, limit] : security.rlimits) inner.value(name, toml_quote(describe_limit(limit)));
        writer.add(inner);
    }};

constexpr Words<std::string_view> isolations[] = {{"namespaces", "namespaces"}, {"runsc", "runsc"}, {"kata", "kata"}};

constexpr Field<SecuritySpec> capability_fields[] = {
    field<&SecuritySpec::capabilities_add, List<Text<parse_capability>>>("add"),
    field<&SecuritySpec::capabilities_drop, List<Text<parse_capability>>>("drop"),
};

constexpr Field<SecuritySpec> syscall_fields[] = {
    field<&SecuritySpec::syscall_profile, Name>("profile"),
    field<&SecuritySpec::syscalls_allow, List<Text<parse_syscall>>>("allow"),
    field<&SecuritySpec::syscalls_deny, List<Text<parse_syscall>>>("deny"),
    field<&SecuritySpec::syscalls_log, Boolean>("log"),
};

using ClockOffset = Text<parse_clock_offset, describe_clock_offset>;
constexpr Field<SecuritySpec> time_offset_fields[] = {
    field<&SecuritySpec::boottime_offset, ClockOffset>("boottime"),
    field<&SecuritySpec::monotonic_offset, ClockOffset>("monotonic"),
};

constexpr Field<SecuritySpec> security_fields[] = {
    field<&SecuritySpec::users, Text<parse_users, describe_users>>("users"),
    field<&SecuritySpec::devices, List<Text<parse_device>>>("devices"),
    field<&SecuritySpec::no_new_privileges, Boolean>("no_new_privileges"),
    field<&SecuritySpec::nesting, Boolean>("nesting"),
    field<&SecuritySpec::apparmor, Line>("apparmor"),
    field<&SecuritySpec::selinux, Line>("selinux"),
    field<&SecuritySpec::selinux_mounts, Line>("selinux_mounts"),
    field<&SecuritySpec::oom_score_adjust, Integer<int, -1000, 1000>>("oom_score_adjust"),
    field<&SecuritySpec::isolation, Word<isolations>>("isolation"),
    group_field<SecuritySpec, capability_fields>("capabilities"),
    group_field<SecuritySpec, syscall_fields>("syscalls"),
    group_field<SecuritySpec, time_offset_fields>("time_offset"),
    rlimits_field,
    map_field<&SecuritySpec::sysctl, parse_sysctl_name, Line>("sysctl"),
};

// ── identity, health, unit ──────────────────────────────────────────────────────────────────────────────────────────────────

constexpr Words<MachineIdKind> machine_ids[] = {
    {"keep", MachineIdKind::Keep}, {"fresh", MachineIdKind::Fresh}, {"derived", MachineIdKind::Derived}};

constexpr Field<IdentitySpec> machine_id_field = {"machine_id",
                                                  [](const TomlValue& value, IdentitySpec& identity, Place&, OriginMap&) -> Result<> {
                                                      if (value.kind != TomlValue::Kind::String) return wrong_kind(value, "a string");
                                                      auto word = std::ranges::find(machine_ids, value.text, &Words<MachineIdKind>::first);
                                                      if (word != std::end(machine_ids)) {
                                                          identity.machine_id = word->second;
                                                          return {};
                                                      }
                                                      identity.machine_id_value = TRY(parse_machine_id(value.text));
                                                      identity.machine_id = MachineIdKind::Given;
                                                      return {};
                                                  },
                                                  [](const IdentitySpec& identity, std::string_view key, TomlWriter& writer) {
                                                      if (identity.machine_id == MachineIdKind::Given)
                                                          writer.value(key, toml_quote(identity.machine_id_value));
                                                      else if (identity.machine_id != MachineIdKind::Default)
                                                          writer.value(key, Word<machine_ids>::describe(identity.machine_id));
                                                  }};

constexpr Field<IdentitySpec> identity_fields[] = {
    field<&IdentitySpec::hostname, Text<parse_hostname>>("hostname"),
    machine_id_field,
    field<&IdentitySpec::timezone, Text<parse_timezone>>("timezone"),
    field<&IdentitySpec::resolv_conf, Text<parse_resolv_conf, describe_resolv_conf>>("resolv_conf"),
};

constexpr Words<OnUnhealthy> on_failures[] = {{"none", OnUnhealthy::None}, {"restart", OnUnhealthy::Restart}, {"stop", OnUnhealthy::Stop}};

constexpr Field<HealthSpec> health_fields[] = {
    field<&HealthSpec::command, List<Argument>>("command"),
    field<&HealthSpec::port, Integer<uint16_t, 1, 65535>>("port"),
    field<&HealthSpec::unit, Unit>("unit"),
    field<&HealthSpec::interval, Duration>("interval"),
    field<&HealthSpec::timeout, Duration>("timeout"),
    field<&HealthSpec::retries, Integer<unsigned, 1, 1000>>("retries"),
    field<&HealthSpec::on_failure, Word<on_failures>>("on_failure"),
};

constexpr Field<UnitSpec> unit_fields[] = {
    field<&UnitSpec::slice, Text<parse_slice>>("slice"),
    field<&UnitSpec::after, List<Unit>>("after"),
    field<&UnitSpec::requires_, List<Unit>>("requires"),
    field<&UnitSpec::wants, List<Unit>>("wants"),
};

constexpr Words<std::string_view> protections[] = {{"remove", "remove"}, {"start", "start"}, {"stop", "stop"}};

constexpr Field<Spec> fields[] = {
    field<&Spec::description, Line>("description"),
    field<&Spec::profiles, List<Name, 64>>("profiles"),
    map_field<&Spec::labels, parse_label_key, Line>("labels"),
    field<&Spec::owner, Text<parse_user_name>>("owner"),
    field<&Spec::protect, List<Word<protections>>>("protect"),
    table_field<&Spec::root, root_fields>("root"),
    table_field<&Spec::payload, payload_fields>("payload"),
    tables_field<&Spec::mounts, mount_fields>("mount"),
    tables_field<&Spec::networks, network_fields>("network"),
    resources_field<&Spec::resources>("resources"),
    table_field<&Spec::security, security_fields>("security"),
    table_field<&Spec::identity, identity_fields>("identity"),
    tables_field<&Spec::credentials, credential_fields>("credential"),
    table_field<&Spec::health, health_fields>("health"),
    table_field<&Spec::unit, unit_fields>("unit"),
};

}  // namespace

Result<> read_spec(const TomlValue& document, Spec& spec)
{
    return read_document(document, spec, fields, spec.origins);
}

std::string write_spec(const Spec& spec, bool with_origins)
{
    TomlWriter writer(with_origins ? &spec.origins : nullptr);
    write_fields(spec, fields, writer);
    return writer.text();
}

}  // namespace holm::machine
