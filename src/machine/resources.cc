#include "machine/resources.h"

#include <algorithm>
#include <type_traits>

#include "base/text.h"
#include "machine/cgroup_limit.h"
#include "machine/grammar.h"
#include "machine/resource_access.h"
#include "machine/systemd_values.h"

namespace holm::machine {

namespace {

using Value = ResourceProperty::Value;

enum class Kind {
    Boolean,
    Weight,           // 1 to 10000
    CpuWeight,        // the same, or idle
    MemoryProtected,  // bytes, % of RAM or infinity; 0 is good
    MemoryLimit,      // the same; not 0
    Swap,             // bytes or infinity, 0 is good
    Tasks,            // a number, % of the system's or infinity; not 0
    Quota,            // % of one CPU
    Period,           // time span
    Indexes,          // "0-3,8"
    DeviceWeight,     // path and what behind it
    DeviceRate,
    DeviceTime,
    AutoOrKill,
    Percent,
    Preference,
    Policy,      // of devices
    Devices,     // path and letters
    Programs,    // of BPF: type and path
    Paths,       // of BPF programs
    Addresses,   // prefixes
    BindPorts,   // of bind(2)
    Interfaces,  // names
    Reserved,    // holm sets it
};

struct Property {
    std::string_view name;
    Kind kind;
    std::string_view bus_name = {};  // where D-Bus has another
};

// systemd.resource-control(5) of systemd 252, names on the bus from its bus-unit-util.c.
constexpr Property properties[] = {
    {"CPUAccounting", Kind::Boolean},
    {"CPUWeight", Kind::CpuWeight},
    {"StartupCPUWeight", Kind::CpuWeight},
    {"CPUQuota", Kind::Quota, "CPUQuotaPerSecUSec"},
    {"CPUQuotaPeriodSec", Kind::Period, "CPUQuotaPeriodUSec"},
    {"AllowedCPUs", Kind::Indexes},
    {"StartupAllowedCPUs", Kind::Indexes},
    {"AllowedMemoryNodes", Kind::Indexes},
    {"StartupAllowedMemoryNodes", Kind::Indexes},
    {"MemoryAccounting", Kind::Boolean},
    {"MemoryMin", Kind::MemoryProtected},
    {"MemoryLow", Kind::MemoryProtected},
    {"DefaultMemoryMin", Kind::MemoryProtected},
    {"DefaultMemoryLow", Kind::MemoryProtected},
    {"MemoryHigh", Kind::MemoryLimit},
    {"MemoryMax", Kind::MemoryLimit},
    {"MemorySwapMax", Kind::Swap},
    {"TasksAccounting", Kind::Boolean},
    {"TasksMax", Kind::Tasks},
    {"IOAccounting", Kind::Boolean},
    {"IOWeight", Kind::Weight},
    {"StartupIOWeight", Kind::Weight},
    {"IODeviceWeight", Kind::DeviceWeight},
    {"IOReadBandwidthMax", Kind::DeviceRate},
    {"IOWriteBandwidthMax", Kind::DeviceRate},
    {"IOReadIOPSMax", Kind::DeviceRate},
    {"IOWriteIOPSMax", Kind::DeviceRate},
    {"IODeviceLatencyTargetSec", Kind::DeviceTime, "IODeviceLatencyTargetUSec"},
    {"IPAccounting", Kind::Boolean},
    {"ManagedOOMSwap", Kind::AutoOrKill},
    {"ManagedOOMMemoryPressure", Kind::AutoOrKill},
    {"ManagedOOMMemoryPressureLimit", Kind::Percent},
    {"ManagedOOMPreference", Kind::Preference},
    {"Delegate", Kind::Reserved},
    {"DeviceAllow", Kind::Devices},
    {"DevicePolicy", Kind::Policy},
    {"DisableControllers", Kind::Reserved},
    {"Slice", Kind::Reserved},
    {"BPFProgram", Kind::Programs},
    {"IPAddressAllow", Kind::Addresses},
    {"IPAddressDeny", Kind::Addresses},
    {"IPEgressFilterPath", Kind::Paths},
    {"IPIngressFilterPath", Kind::Paths},
    {"RestrictNetworkInterfaces", Kind::Interfaces},
    {"SocketBindAllow", Kind::BindPorts},
    {"SocketBindDeny", Kind::BindPorts},
};

constexpr uint64_t unset = UINT64_MAX;  // CGROUP_LIMIT_MAX, CGROUP_WEIGHT_INVALID, USEC_INFINITY

Error bad(std::string_view value, std::string_view rule)
{
    return error(Errc::Invalid, "'{}' must be {}", printable(value, 80), rule);
}

// The fraction of UINT32_MAX by which "Scale" properties are set (UINT32_SCALE_FROM_PERMYRIAD of systemd).
Value scale(uint64_t permyriad)
{
    return static_cast<uint32_t>((permyriad * UINT32_MAX + 5000) / 10000);
}

Result<Value> parse_boolean(std::string_view text)
{
    if (auto flag = find_boolean(text)) return Value(*flag);
    return bad(text, "yes or no");
}

Result<uint64_t> parse_weight(std::string_view text)
{
    auto weight = find_integer(text);
    if (!weight || *weight == 0 || *weight > 10000) return bad(text, "a weight of 1 to 10000");
    return *weight;
}

// Without a value it is as if nobody had set it.
Result<uint64_t> parse_weight_or_nothing(std::string_view text)
{
    return text.empty() ? Result<uint64_t>(unset) : parse_weight(text);
}

Result<uint64_t> parse_bytes(std::string_view text, uint64_t otherwise, uint64_t least)
{
    if (text.empty()) return otherwise;
    if (text == "infinity") return unset;
    auto bytes = find_size(text, 1024);
    if (!bytes) return bad(text, "a size such as '512M' or '1.5G' (B, K, M, G, T, P and E, of 1024), a percentage or 'infinity'");
    if (*bytes < least) return bad(text, "more than 0");
    return *bytes;
}

Result<uint64_t> parse_tasks(std::string_view text)
{
    if (text.empty() || text == "infinity") return unset;
    auto tasks = find_integer(text);
    if (!tasks) return bad(text, "digits, a percentage or 'infinity'");
    if (*tasks == 0) return bad(text, "more than 0");
    return *tasks;
}

Result<Value> parse_quota(std::string_view text)
{
    if (text.empty()) return Value(unset);
    auto permyriad = find_permyriad(text);
    if (!permyriad || *permyriad == 0) return bad(text, "a percentage of one CPU such as '50%' or '200%'");
    return Value(*permyriad * 100);  // microseconds of CPU in each second
}

Result<uint64_t> parse_microseconds(std::string_view text)
{
    auto span = TRY(parse_duration(text));
    return span == infinite ? unset : static_cast<uint64_t>(span.count());
}

// A set of small numbers as the bits of bytes, lowest first (cpu_set_to_dbus of systemd).
Result<Value> parse_indexes(std::string_view text)
{
    constexpr uint64_t highest = 8191;
    ResourceProperty::Bytes bits;
    std::string spaced(text);
    std::ranges::replace(spaced, ',', ' ');
    for (std::string_view range : split(spaced, ' ')) {
        if (range.empty()) continue;
        size_t dash = range.find('-');
        auto first = parse_number(range.substr(0, dash), highest);
        auto last = dash == range.npos ? first : parse_number(range.substr(dash + 1), highest);
        if (!first || !last || *last < *first) return bad(text, "numbers and ranges such as '0-3,8', up to 8191");
        if (bits.size() <= *last / 8) bits.resize(*last / 8 + 1);
        for (uint64_t i = *first; i <= *last; ++i) bits[i / 8] |= static_cast<uint8_t>(1u << (i % 8));
    }
    return Value(bits);
}

Result<uint64_t> parse_rate_per_second(std::string_view text)
{
    if (text == "infinity") return unset;
    auto rate = find_size(text, 1000);
    if (!rate || *rate == 0) return bad(text, "more than 0, a number with K, M, G, T, P or E (of 1000) behind it, or 'infinity'");
    return *rate;
}

Result<uint64_t> parse_device_amount(std::string_view text, Kind kind)
{
    if (kind == Kind::DeviceWeight) return parse_weight(text);
    return kind == Kind::DeviceRate ? parse_rate_per_second(text) : parse_microseconds(text);
}

// "PATH VALUE": a device, or any file of the file system that lies on it. Both may have spaces: the path goes up to the first word that
// begins a value.
Result<Value> parse_device_value(std::string_view text, Kind kind)
{
    size_t space = text.find(' ');
    if (space == text.npos) return bad(text, "a path and a value with a space between them");
    auto amount = parse_device_amount(trim(text.substr(space)), kind);
    for (size_t next = text.find(' ', space + 1); !amount && next != text.npos; next = text.find(' ', next + 1)) {
        if (parse_device_amount(trim(text.substr(space, next - space)), kind)) break;
        space = next;
        amount = parse_device_amount(trim(text.substr(space)), kind);
    }
    if (!amount) return amount.error();
    std::string path = TRY(parse_path(trim(text.substr(0, space))));
    return Value(ResourceProperty::Limits{{std::move(path), *amount}});
}

Result<Value> parse_word(std::string_view text, std::initializer_list<std::string_view> words)
{
    for (std::string_view word : words)
        if (text == word) return Value(std::string(word));
    return bad(text, fmt::format("one of {}", fmt::join(words, ", ")));
}

// "strict" would keep /dev/null from systemd, which then cannot start the unit, and ptmx from the machine.
Result<Value> parse_policy(std::string_view text)
{
    if (text != "strict") return parse_word(text, {"auto", "closed"});
    return error(Errc::Invalid,
                 "'strict' takes the devices away that no machine starts without, such as /dev/null: 'closed', the default, "
                 "allows these alone, and DeviceAllow and security.devices add others");
}

Result<Value> parse_value(Kind kind, std::string_view text)
{
    switch (kind) {
    case Kind::Boolean: return parse_boolean(text);
    case Kind::Weight: return Value(TRY(parse_weight_or_nothing(text)));
    case Kind::CpuWeight: return Value(text == "idle" ? uint64_t{0} : TRY(parse_weight_or_nothing(text)));  // CGROUP_WEIGHT_IDLE
    case Kind::MemoryProtected: return Value(TRY(parse_bytes(text, 0, 0)));
    case Kind::Swap: return Value(TRY(parse_bytes(text, unset, 0)));
    case Kind::MemoryLimit: return Value(TRY(parse_bytes(text, unset, 1)));
    case Kind::Tasks: return Value(TRY(parse_tasks(text)));
    case Kind::Quota: return parse_quota(text);
    case Kind::Period: return Value(text.empty() ? unset : TRY(parse_microseconds(text)));  // systemd keeps to 1ms to 1s itself
    case Kind::Indexes: return parse_indexes(text);
    case Kind::DeviceWeight:
    case Kind::DeviceRate:
    case Kind::DeviceTime: return parse_device_value(text, kind);
    case Kind::AutoOrKill: return parse_word(text, {"auto", "kill"});
    case Kind::Preference: return parse_word(text, {"none", "avoid", "omit"});
    case Kind::Percent: return text.empty() ? Result<Value>(Value(uint32_t{0})) : bad(text, "a percentage of 0% to 100%");
    case Kind::Policy: return parse_policy(text);
    case Kind::Devices: return Value(TRY(parse_device_access(text)));
    case Kind::Programs: return Value(TRY(parse_program(text)));
    case Kind::Paths: return Value(ResourceProperty::Strings{TRY(parse_path(text))});
    case Kind::Addresses: return Value(TRY(parse_prefixes(text)));
    case Kind::BindPorts: return Value(ResourceProperty::Ports{TRY(parse_bind_port(text))});
    case Kind::Interfaces: return Value(TRY(parse_interfaces(text)));
    case Kind::Reserved: break;
    }
    std::unreachable();
}

bool takes_percent(Kind kind)
{
    return kind == Kind::MemoryProtected || kind == Kind::MemoryLimit || kind == Kind::Swap || kind == Kind::Tasks || kind == Kind::Percent;
}

// The elements of a list behind those of an earlier one of the same kind. Interfaces: the later says which way it is meant.
void add_to(Value& earlier, Value later)
{
    auto add = [&]<typename T>(T& list) {
        auto& more = std::get<T>(later);
        if constexpr (std::is_same_v<T, ResourceProperty::Interfaces>) {
            list.first = more.first;
            std::ranges::move(more.second, std::back_inserter(list.second));
        } else if constexpr (requires { list.insert(list.end(), more.begin(), more.end()); }) {
            list.insert(list.end(), more.begin(), more.end());
        }
    };
    std::visit(add, earlier);
}

Result<const Property*> find_property(std::string_view name)
{
    auto known = std::ranges::find(properties, name, &Property::name);
    if (known == std::end(properties)) {
        std::vector<std::string_view> names;
        for (const Property& property : properties) names.push_back(property.name);
        return error(Errc::Invalid, "'{}' is no property of systemd.resource-control(5){}", printable(name, 80), did_you_mean(name, names));
    }
    if (known->kind == Kind::Reserved)
        return error(Errc::Invalid, "'{}' is set by holm itself{}", name, name == "Slice" ? ": see unit.slice" : "");
    return &*known;
}

}  // namespace

bool is_list(const ResourceProperty& property)
{
    auto is = []<typename T>(const T&) {
        return std::is_same_v<T, ResourceProperty::Pairs> || std::is_same_v<T, ResourceProperty::Limits> ||
               std::is_same_v<T, ResourceProperty::Strings> || std::is_same_v<T, ResourceProperty::Prefixes> ||
               std::is_same_v<T, ResourceProperty::Ports> || std::is_same_v<T, ResourceProperty::Interfaces>;
    };
    return std::visit(is, property.value);
}

bool is_read_at_load(std::string_view name)
{
    auto known = std::ranges::find(properties, name, &Property::name);
    return known != std::end(properties) && (known->kind == Kind::Programs || known->kind == Kind::Paths);
}

Result<std::vector<std::string>> bus_names_of(std::string_view name)
{
    if (is_cgroup_limit(name)) {
        TRY(check_cgroup_limit(name));
        return std::vector{std::string(name)};
    }
    const Property& property = *TRY(find_property(name));
    std::string bus_name(property.bus_name.empty() ? property.name : property.bus_name);
    std::vector<std::string> names = {bus_name};
    if (takes_percent(property.kind) && property.kind != Kind::Percent) names.push_back(bus_name + "Scale");
    return names;
}

Result<ResourceProperty> parse_resource(std::string_view name, std::string_view value)
{
    if (is_cgroup_limit(name)) return parse_cgroup_limit(name, value);
    const Property& property = *TRY(find_property(name));
    const std::string_view bus_name = property.bus_name.empty() ? property.name : property.bus_name;
    if (auto permyriad = find_permyriad(value); permyriad && takes_percent(property.kind)) {
        if (*permyriad > 10000) return bad(value, "at most 100%");
        if (*permyriad == 0 && (property.kind == Kind::Tasks || property.kind == Kind::MemoryLimit)) return bad(value, "more than 0");
        return ResourceProperty{fmt::format("{}{}", bus_name, property.kind == Kind::Percent ? "" : "Scale"), scale(*permyriad)};
    }
    auto parsed = TRY(parse_value(property.kind, value));
    return ResourceProperty{std::string(bus_name), std::move(parsed)};
}

Result<std::vector<ResourceProperty>> parse_resources(std::span<const std::pair<std::string, std::string>> assignments)
{
    std::vector<std::pair<std::string_view, ResourceProperty>> parsed;  // by the name of the assignment: "MemoryMax=50%" replaces "=1G"
    for (const auto& [name, value] : assignments) {
        ResourceProperty next = TRY(parse_resource(name, value), name);
        auto known = std::ranges::find(parsed, name, &std::pair<std::string_view, ResourceProperty>::first);
        if (known == parsed.end()) parsed.emplace_back(name, std::move(next));
        else if (is_list(next)) add_to(known->second.value, std::move(next.value));
        else known->second = std::move(next);
    }
    std::vector<ResourceProperty> all;
    for (auto& [name, property] : parsed) all.push_back(std::move(property));
    return all;
}

std::vector<ResourceProperty> resource_defaults()
{
    std::vector<ResourceProperty> defaults;
    auto add = [&](const Property& property, Value value) {
        defaults.push_back({std::string(property.bus_name.empty() ? property.name : property.bus_name), std::move(value)});
    };
    for (const Property& property : properties) {
        switch (property.kind) {
        case Kind::Boolean:  // accounting: its default is the admin's (systemd-system.conf(5)), and one left on harms nobody
        case Kind::Policy:   // holm has its own of these two
        case Kind::Devices:
        case Kind::Programs:  // read at load
        case Kind::Paths:
        case Kind::Reserved: break;
        case Kind::Addresses: add(property, ResourceProperty::Prefixes{}); break;
        case Kind::BindPorts: add(property, ResourceProperty::Ports{}); break;
        case Kind::Interfaces: add(property, ResourceProperty::Interfaces{}); break;
        case Kind::MemoryProtected: add(property, uint64_t{0}); break;
        case Kind::Weight:
        case Kind::CpuWeight:
        case Kind::MemoryLimit:
        case Kind::Swap:
        case Kind::Tasks:
        case Kind::Quota:
        case Kind::Period: add(property, unset); break;
        case Kind::Indexes: add(property, ResourceProperty::Bytes{}); break;
        case Kind::DeviceWeight:
        case Kind::DeviceRate:
        case Kind::DeviceTime: add(property, ResourceProperty::Limits{}); break;
        case Kind::AutoOrKill: add(property, std::string("auto")); break;
        case Kind::Preference: add(property, std::string("none")); break;
        case Kind::Percent: add(property, uint32_t{0}); break;
        }
    }
    return defaults;
}

}  // namespace holm::machine
