#include "daemon/unit_limits.h"

#include <algorithm>

#include "base/fd.h"
#include "base/log.h"
#include "base/text.h"
#include "kernel/cgroup.h"
#include "machine/cgroup_limit.h"
#include "machine/resources.h"

namespace holm::daemon {

namespace {

bool has_word(std::string_view text, std::string_view word)
{
    const auto words = split(trim(text), ' ');
    return std::ranges::find(words, word) != words.end();
}

// For the cgroups below `folder`.
Result<> enable_below(const std::string& folder, std::string_view controller)
{
    const Fd cgroup = TRY(kernel::open_cgroup(folder));
    if (has_word(TRY(kernel::read_cgroup(cgroup.get(), "cgroup.subtree_control")), controller)) return {};
    if (!has_word(TRY(kernel::read_cgroup(cgroup.get(), "cgroup.controllers")), controller))
        return error(Errc::NotSupported, "cgroup v2 of this host has no controller '{}': its kernel lacks it, or cgroup v1 holds it",
                     controller);
    return kernel::write_cgroup(cgroup.get(), "cgroup.subtree_control", fmt::format("+{}", controller));
}

// From the root of the tree down to what the unit lies in.
Result<> enable_above(const std::string& mount, const std::string& cgroup, std::string_view controller)
{
    for (size_t at = 0; at < cgroup.size() && at != cgroup.npos; at = cgroup.find('/', at + 1))
        TRY(enable_below(mount + cgroup.substr(0, at), controller));
    return {};
}

Result<> write_all(int cgroup, const std::string& file, const std::vector<std::string>& writes)
{
    for (const std::string& line : writes) TRY(kernel::write_cgroup(cgroup, file, line));
    return {};
}

// What gives the file its content back.
std::vector<std::string> writes_of(const std::string& content)
{
    std::vector<std::string> writes;
    for (std::string_view line : split(content, '\n'))
        if (!trim(line).empty()) writes.emplace_back(trim(line));
    return writes;
}

Result<std::string> read_limit(int cgroup, const std::string& file)
{
    auto content = kernel::read_cgroup(cgroup, file);
    if (content || content.error().sys_errno != ENOENT) return content;
    return error(Errc::NotSupported, "there is no file {} in the unit's cgroup: this host has no huge pages of that size, or no such limit",
                 file);
}

}  // namespace

UnitOrders split_orders(const UnitProperties& all)
{
    UnitOrders orders;
    for (const machine::UnitProperty& property : all)
        (machine::is_cgroup_limit(property.name) ? orders.limits : orders.properties).push_back(property);
    return orders;
}

Result<LimitsBefore> write_limits(const std::string& cgroup, const UnitProperties& limits)
{
    LimitsBefore before;
    if (limits.empty()) return before;
    const std::string mount = TRY(kernel::cgroup_mount());
    const Fd unit = TRY(kernel::open_cgroup(mount + cgroup), "cgroup of the unit");
    for (const machine::UnitProperty& limit : limits) {
        auto write = [&]() -> Result<> {
            TRY(enable_above(mount, cgroup, machine::controller_of(limit.name)));
            const std::string content = TRY(read_limit(unit.get(), limit.name));
            before.emplace_back(limit.name, writes_of(content));
            return write_all(unit.get(), limit.name, machine::cgroup_writes(content, limit));
        };
        auto written = write();
        if (written) continue;
        restore_limits(cgroup, before);
        return with_context(written.error(), fmt::format("'{}' cannot be set", limit.name));
    }
    return before;
}

void restore_limits(const std::string& cgroup, const LimitsBefore& before)
{
    if (before.empty()) return;
    auto restore = [&]() -> Result<> {
        const std::string mount = TRY(kernel::cgroup_mount());
        const Fd unit = TRY(kernel::open_cgroup(mount + cgroup));
        for (const auto& [file, writes] : before) TRY(write_all(unit.get(), file, writes));
        return {};
    };
    if (auto restored = restore(); !restored) log_warning("limits of {} cannot be taken back: {}", cgroup, restored.error().text);
}

std::map<std::string, std::string> read_limits(const std::string& cgroup, const UnitProperties& properties)
{
    std::map<std::string, std::string> limits;
    const UnitProperties planned = split_orders(properties).limits;
    if (planned.empty() || cgroup.empty()) return limits;
    auto mount = kernel::cgroup_mount();
    auto unit = mount ? kernel::open_cgroup(*mount + cgroup) : Result<Fd>(mount.error());
    if (!unit) return limits;
    for (const machine::UnitProperty& limit : planned)
        if (auto content = kernel::read_cgroup(unit->get(), limit.name))
            limits[limit.name] = fmt::format("{}", fmt::join(writes_of(*content), ", "));
    return limits;
}

void add_real_limits(const std::string& cgroup, const UnitProperties& properties, UnitProperties& real)
{
    for (const auto& [name, value] : read_limits(cgroup, properties))
        if (auto limit = machine::parse_cgroup_limit(name, value); limit && !machine::is_list(*limit)) real.push_back(std::move(*limit));
}

}  // namespace holm::daemon
