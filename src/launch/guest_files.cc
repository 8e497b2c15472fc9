#include "launch/guest_files.h"

#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "base/text.h"
#include "machine/guest_files.h"

namespace holm::launch {

namespace {

using machine::MachineIdKind;
using machine::ResolvConfMode;
using machine::Resolver;
using machine::Spec;
using rootfs::File;

constexpr const char* localtime_path = "/etc/localtime";
constexpr const char* resolv_conf_path = "/etc/resolv.conf";

// A file of the host, as it is at the start, where no mount of the definition lies.
void bind_file(Plan& plan, const std::string& source, const std::string& target, const std::string& key)
{
    auto& mounts = plan.rootfs.mounts;
    if (std::ranges::find(mounts, target, &rootfs::Mount::target) != mounts.end()) return;
    mounts.push_back({.source = source, .target = target, .read_only = true, .recursive = false, .id_mapped = false, .key = key});
}

void add_file(Plan& plan, const char* path, std::string content, File::Kind kind)
{
    if (!plan.rootfs.read_only) plan.rootfs.files.push_back({path, std::move(content), kind});
}

// -- time zone --------------------------------------------------------------------------------------------------------------------------

Result<> plan_named_zone(const Spec& spec, const Facts& facts, Plan& plan)
{
    const std::string& zone = spec.identity.timezone;
    const std::string folder = "/usr/share/zoneinfo/";
    if (facts.rootfs.localtime.ends_with("/zoneinfo/" + zone) && facts.rootfs.has_zone) return {};
    if (facts.rootfs.has_zone && !plan.rootfs.read_only) {
        add_file(plan, localtime_path, ".." + folder + zone, File::Kind::Symlink);
        return {};
    }
    if (!facts.host.has_zone)
        return error(Errc::NotFound,
                     "neither the root nor this host has the time zone '{}'{}: 'timedatectl list-timezones' lists those of the host, the "
                     "package tzdata has them",
                     printable(zone), describe_origin(spec, "identity.timezone"));
    bind_file(plan, folder + zone, localtime_path, "identity.timezone");
    return {};
}

Result<> plan_timezone(const Spec& spec, const Facts& facts, Plan& plan)
{
    const std::string &asked = spec.identity.timezone, &zone = facts.host.zone;
    if (asked == "off") return {};
    if (machine::names_zone(asked)) return plan_named_zone(spec, facts, plan);
    if (asked == "delete") add_file(plan, localtime_path, "", File::Kind::Remove);
    else if (asked == "bind") bind_file(plan, localtime_path, localtime_path, "identity.timezone");
    // As systemd-nspawn's --timezone=symlink, where the root has the host's zone and does not say the same already.
    else if (!zone.empty() && facts.rootfs.has_zone && !facts.rootfs.localtime.ends_with("/zoneinfo/" + zone))
        add_file(plan, localtime_path, "../usr/share/zoneinfo/" + zone, File::Kind::Symlink);
    return {};
}

// -- resolver ---------------------------------------------------------------------------------------------------------------------------

// "" where nothing is known.
std::string resolver_of_network(const Facts& facts, const network::Plan& network)
{
    switch (network.kind) {
    case network::Kind::None: return "";
    case network::Kind::Host: return facts.host.resolver(Resolver::Host).content;
    case network::Kind::Endpoints: return network::resolv_conf_of(network);
    }
    return "";
}

void plan_resolv_conf(const Spec& spec, const Facts& facts, Plan& plan)
{
    const machine::ResolvConf& asked = spec.identity.resolv_conf;
    const bool is_link = facts.rootfs.resolv_conf_is_link;  // it points to what the machine's own resolver writes
    const ResolverFile& of = facts.host.resolver(asked.of);
    const bool takes = asked.mode == ResolvConfMode::Copy || asked.mode == ResolvConfMode::Replace || asked.mode == ResolvConfMode::Bind;
    if (takes && of.content.empty()) {
        plan.warnings.push_back(
            fmt::format("identity.resolv_conf: '{}' of the host is not there or empty: the machine's own is left as it is", of.path));
        return;
    }
    switch (asked.mode) {
    case ResolvConfMode::Off: break;
    case ResolvConfMode::Auto:
        if (std::string content = resolver_of_network(facts, plan.network); !is_link && !content.empty())
            add_file(plan, resolv_conf_path, std::move(content), File::Kind::Replace);
        break;
    case ResolvConfMode::Delete: add_file(plan, resolv_conf_path, "", File::Kind::Remove); break;
    case ResolvConfMode::Copy:
        if (!is_link) add_file(plan, resolv_conf_path, of.content, File::Kind::Replace);
        break;
    case ResolvConfMode::Replace: add_file(plan, resolv_conf_path, of.content, File::Kind::Anew); break;
    case ResolvConfMode::Bind: bind_file(plan, of.path, resolv_conf_path, "identity.resolv_conf"); break;
    }
}

// -- machine-id -------------------------------------------------------------------------------------------------------------------------

// systemd is told; others read the file.
void plan_machine_id(const Spec& spec, Plan& plan)
{
    const MachineIdKind kind = spec.identity.machine_id;
    const bool asked = kind == MachineIdKind::Given || kind == MachineIdKind::Fresh || kind == MachineIdKind::Derived;
    if (asked && plan.payload.init_kind != InitKind::Systemd) add_file(plan, "/etc/machine-id", plan.uuid + "\n", File::Kind::Replace);
}

}  // namespace

Result<> plan_guest_files(const Spec& spec, const Facts& facts, Plan& plan)
{
    TRY(plan_timezone(spec, facts, plan));
    plan_resolv_conf(spec, facts, plan);
    plan_machine_id(spec, plan);
    return {};
}

}  // namespace holm::launch
