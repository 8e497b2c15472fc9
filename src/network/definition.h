// Definition: what /etc/holm/networks/NAME.toml says of a network. A value, and TOML ⇄ value by machine/toml_schema. Pure.
#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "machine/name.h"
#include "machine/spec_file.h"

namespace holm::network {

enum class Type { Bridge, Vxlan, Macvlan, Ipvlan };
inline constexpr std::pair<std::string_view, Type> type_names[] = {
    {"bridge", Type::Bridge}, {"vxlan", Type::Vxlan}, {"macvlan", Type::Macvlan}, {"ipvlan", Type::Ipvlan}};

struct VxlanDefinition {
    uint32_t id = 0;
    uint16_t port = 4789;
    std::string local;
    std::vector<std::string> peers;
    std::string peers_file;
    bool evpn = false;
    bool operator==(const VxlanDefinition&) const = default;
};

struct Definition {
    machine::MachineName name;  // the grammar of a machine's name serves; at most 15 characters are the interface's
    Type type = Type::Bridge;
    std::string interface;             // "": "holm-NAME", cut and hashed to 15 characters where longer; of a macvlan or ipvlan the host's
    std::vector<std::string> subnets;  // blocks, or "auto"; empty: {"auto4", "auto"}: one of [network] pool, and a drawn ULA /64
    std::vector<std::string> gateway;
    bool persistent = false, nat = true, dns = true, dhcp = true, isolated = false;
    std::string domain = "holm";
    uint32_t mtu = 0;  // 0: the kernel's
    VxlanDefinition vxlan;
    std::map<std::string, machine::Origin> origins;
    bool operator==(const Definition&) const = default;
};

// Merges `sources` (file, drop-ins in order) and checks what the file alone can tell: grammar, subnets that overlap each other, a
// gateway outside, a /31 or smaller pool, an MTU below 68 (v4) or 1280 (with v6), a macvlan or ipvlan without the interface that it is on.
// Errors name file:line:column, as those of machine::parse_spec.
Result<Definition> parse_definition(const machine::MachineName& name, std::span<const machine::Source> sources);
std::string describe_definition(const Definition& definition);

}  // namespace holm::network
