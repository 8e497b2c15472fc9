// Settings: the daemon's own file, holm.toml(5). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "machine/id_range.h"
#include "machine/spec.h"
#include "machine/toml_value.h"

namespace holm::machine {

enum class Firewall { Manage, Off };

// The pool of automatic id ranges: as systemd-nspawn's, 0x00080000 to 0x6FFFFFFF (UIDS-GIDS.md of systemd).
inline constexpr uint32_t pool_base = 524288;
inline constexpr uint32_t pool_count = 0x70000000 - pool_base;

struct Settings {
    LogLevel log_level = LogLevel::Info;
    Microseconds shutdown_timeout = std::chrono::minutes(5);  // of the host: for the stops of all machines together
    struct Paths {
        std::string state = "/var/lib/holm";
        std::string images;    // "" = state/images
        std::string machines;  // "" = state/machines
        bool operator==(const Paths&) const = default;
    } paths;
    struct Defaults {
        std::string network = "holm0";  // of a machine without [[network]]
        Microseconds start_timeout = std::chrono::seconds(90);
        Microseconds stop_timeout = std::chrono::seconds(90);
        std::string profile;  // merged before all others into every machine
        bool operator==(const Defaults&) const = default;
    } defaults;
    std::vector<std::pair<std::string, std::string>> resources;  // of every machine, before its own
    struct Pool {
        uint32_t base = pool_base;    // a multiple of 65536
        uint32_t count = pool_count;  // ids, a multiple of 65536
        bool operator==(const Pool&) const = default;
    } users;
    struct Network {
        std::string pool = "10.213.0.0/16";
        uint16_t dns_port = 53;
        Firewall firewall = Firewall::Manage;
        bool operator==(const Network&) const = default;
    } network;
    struct Store {
        std::string compression = "zstd";
        unsigned keep_snapshots = 0;  // 0 = all
        bool operator==(const Store&) const = default;
    } store;

    std::map<std::string, Origin> origins;  // dotted key → where it was written
    bool operator==(const Settings&) const = default;
};

// The settings that the sources give together: vendor's file first, then the admin's. Errors: Invalid, with the place.
Result<Settings> parse_settings(std::span<const Source> sources);

}  // namespace holm::machine
