#include "launch/leaves.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "base/text.h"
#include "launch/plan_file.h"
#include "machine/toml_value.h"

namespace holm::launch {

namespace {

// Said by others: "unit.slice", "rootfs.lower", "rootfs.ids", "payload.working_directory".
constexpr auto said_twice =
    std::to_array<std::string_view>({"locked_paths", "payload.makes_working_directory", "range_lock", "shared_paths", "state"});

void flatten(const machine::TomlValue& value, const std::string& key, Leaves& leaves)
{
    using Kind = machine::TomlValue::Kind;
    switch (value.kind) {
    case Kind::String: leaves[key] = printable(value.text, 4096); return;
    case Kind::Integer: leaves[key] = fmt::format("{}", value.number); return;
    case Kind::Boolean: leaves[key] = value.flag ? "yes" : "no"; return;
    case Kind::Float:
    case Kind::Date: return;
    case Kind::Array:
        if (value.items.empty()) return;
        if (value.items.front().kind != Kind::Table) {
            std::string& all = leaves[key];
            for (const machine::TomlValue& item : value.items) {
                Leaves one;
                flatten(item, "", one);
                all += (all.empty() ? "" : " ") + (one.empty() ? "" : one.begin()->second);
            }
            return;
        }
        for (size_t i = 0; i < value.items.size(); ++i) flatten(value.items[i], fmt::format("{}.{}", key, i), leaves);
        return;
    case Kind::Table:
        for (const machine::TomlEntry& entry : value.entries) flatten(entry.value, key.empty() ? entry.key : key + "." + entry.key, leaves);
        return;
    }
}

// Its lines but comments, on one.
std::string summary_of(const std::string& content)
{
    std::string text;
    for (std::string_view line : split(content, '\n'))
        if (!line.empty() && line.front() != '#') text += fmt::format("{}{}", text.empty() ? "" : "; ", printable(line, 4096));
    return text;
}

// A start writes some files only where the machine has none: one that is in both plans alone can be another.
void add_files(const rootfs::Plan& plan, const rootfs::Plan& other, Leaves& leaves)
{
    for (const rootfs::File& file : plan.files)
        if (std::ranges::find(other.files, file.path, &rootfs::File::path) != other.files.end())
            leaves["rootfs.file." + file.path] = summary_of(file.content);
}

}  // namespace

Leaves leaves_of(Plan plan, const Plan& other)
{
    Leaves files;
    add_files(plan.rootfs, other.rootfs, files);
    plan.unit.properties.clear();
    plan.unit.description.clear();
    plan.network = {};
    plan.rootfs.mounts.clear();
    plan.rootfs.devices.clear();
    plan.rootfs.files.clear();
    plan.rootfs.host_files.clear();
    plan.security.syscalls.filter.clear();
    plan.warnings.clear();
    plan.hold.clear();
    const auto document = machine::parse_toml({.file = {}, .text = describe_plan_file(plan)});
    Leaves leaves = std::move(files);
    if (document) flatten(*document, "", leaves);
    for (std::string_view key : said_twice) leaves.erase(std::string(key));
    return leaves;
}

}  // namespace holm::launch
