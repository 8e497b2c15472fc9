#include "machine/settings.h"

#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/network_grammar.h"
#include "machine/resources_field.h"
#include "machine/toml_schema.h"

namespace holm::machine {

namespace {

using Path = Text<parse_path>;
using Duration = TextOrInteger<parse_duration, describe_duration>;

constexpr std::pair<std::string_view, LogLevel> log_levels[] = {{"error", LogLevel::Error},
                                                                {"warning", LogLevel::Warning},
                                                                {"notice", LogLevel::Notice},
                                                                {"info", LogLevel::Info},
                                                                {"debug", LogLevel::Debug}};
constexpr std::pair<std::string_view, Firewall> firewalls[] = {{"manage", Firewall::Manage}, {"off", Firewall::Off}};
constexpr std::pair<std::string_view, std::string_view> compressions[] = {
    {"zstd", "zstd"}, {"gzip", "gzip"}, {"xz", "xz"}, {"none", "none"}};

constexpr Field<Settings> daemon_fields[] = {
    field<&Settings::log_level, Word<log_levels>>("log_level"),
    field<&Settings::shutdown_timeout, Duration>("shutdown_timeout"),
};

constexpr Field<Settings::Paths> path_fields[] = {
    field<&Settings::Paths::state, Path>("state"),
    field<&Settings::Paths::images, Path>("images"),
    field<&Settings::Paths::machines, Path>("machines"),
};

constexpr Field<Settings::Defaults> default_fields[] = {
    field<&Settings::Defaults::network, Text<parse_network>>("network"),
    field<&Settings::Defaults::start_timeout, Duration>("start_timeout"),
    field<&Settings::Defaults::stop_timeout, Duration>("stop_timeout"),
    field<&Settings::Defaults::profile, Text<parse_file_name>>("profile"),
};

constexpr Field<Settings::Pool> pool_fields[] = {
    field<&Settings::Pool::base, Integer<uint32_t, range_size, UINT32_MAX - 1>>("base"),
    field<&Settings::Pool::count, Integer<uint32_t, range_size, UINT32_MAX - 1>>("count"),
};

// IPv4 alone: IPv6 blocks are drawn (RFC 4193).
Result<std::string> parse_pool(std::string_view text)
{
    const size_t slash = text.find('/');
    auto length = slash == text.npos ? std::nullopt : parse_number(text.substr(slash + 1), 30);
    if (!parse_address(text) || text.contains(':') || !length || *length < 8)
        return error(Errc::Invalid, "'{}' is no pool: an IPv4 block with a length from /8 to /30", printable(text, 80));
    return std::string(text);
}

constexpr Field<Settings::Network> network_fields[] = {
    field<&Settings::Network::pool, Text<parse_pool>>("pool"),
    field<&Settings::Network::dns_port, Integer<uint16_t, 1, 65535>>("dns_port"),
    field<&Settings::Network::firewall, Word<firewalls>>("firewall"),
};

constexpr Field<Settings::Store> store_fields[] = {
    field<&Settings::Store::compression, Word<compressions>>("compression"),
    field<&Settings::Store::keep_snapshots, Integer<unsigned, 0, 1000000>>("keep_snapshots"),
};

constexpr Field<Settings> fields[] = {
    group_field<Settings, daemon_fields>("daemon"),
    table_field<&Settings::paths, path_fields>("paths"),
    table_field<&Settings::defaults, default_fields>("defaults"),
    resources_field<&Settings::resources>("resources"),
    table_field<&Settings::users, pool_fields>("users"),
    table_field<&Settings::network, network_fields>("network"),
    table_field<&Settings::store, store_fields>("store"),
};

Error at(const Settings& settings, std::string_view key, std::string_view rule)
{
    auto origin = settings.origins.find(std::string(key));
    return error(Errc::Invalid, "{}'{}': {}", origin == settings.origins.end() ? "" : describe_position(origin->second), key, rule);
}

Result<> check(const Settings& settings)
{
    const Settings::Pool& pool = settings.users;
    if (pool.base % range_size != 0) return at(settings, "users.base", "must be a multiple of 65536");
    if (pool.count % range_size != 0) return at(settings, "users.count", "must be a multiple of 65536");
    if (uint64_t{pool.base} + pool.count - 1 > UINT32_MAX - 1)
        return at(settings, "users.count", "the pool ends above 4294967294, the highest id");
    for (const auto& [key, path] : {std::pair("paths.state", settings.paths.state),
                                    {"paths.images", settings.paths.images},
                                    {"paths.machines", settings.paths.machines}}) {
        const std::string usual =
            std::string("/var/lib/holm") + (std::string_view(key) == "paths.state" ? "" : std::string("/") + (key + 6));
        if (path.empty() || path == usual) continue;
        if (path == "/" || is_within(path, "/var/lib/holm") || is_within("/var/lib/holm", path))
            return at(settings, key, fmt::format("'{}' is mounted at {}: neither may lie in the other", printable(path), usual));
    }
    if (settings.defaults.start_timeout == Microseconds(0)) return at(settings, "defaults.start_timeout", "must be more than 0");
    return {};
}

}  // namespace

Result<Settings> parse_settings(std::span<const Source> sources)
{
    TomlValue document;
    for (const Source& source : sources) document = merge_toml(std::move(document), TRY(parse_toml(source)));
    Settings settings;
    TRY(read_document(document, settings, fields, settings.origins));
    TRY(check(settings));
    return settings;
}

}  // namespace holm::machine
