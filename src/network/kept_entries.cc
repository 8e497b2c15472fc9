#include "network/kept_entries.h"

#include <algorithm>

namespace holm::network {

namespace {

bool is_same(const std::string& text, const Publication& published)
{
    auto parsed = parse_published(text);
    return parsed && *parsed == published;
}

}  // namespace

std::optional<size_t> find_entry(const machine::Spec& spec, std::string_view network)
{
    for (size_t i = 0; i < spec.networks.size(); ++i)
        if (const std::string& own = spec.networks[i].network; own != "none" && (own == network || interface_of(spec, i) == network))
            return i;
    return {};
}

void add_entry(machine::Spec& spec, const std::string& network, const std::string& interface)
{
    std::erase_if(spec.networks, [](const machine::NetworkSpec& entry) { return entry.network == "none"; });
    spec.networks.push_back({.network = network});
    const size_t index = spec.networks.size() - 1;
    if (interface_of(spec, index) != interface) spec.networks[index].interface = interface;
}

void remove_entry(machine::Spec& spec, size_t index)
{
    std::vector<std::string> interfaces;
    for (size_t i = 0; i < spec.networks.size(); ++i) interfaces.push_back(interface_of(spec, i));
    spec.networks.erase(spec.networks.begin() + static_cast<ptrdiff_t>(index));
    interfaces.erase(interfaces.begin() + static_cast<ptrdiff_t>(index));
    for (size_t i = 0; i < spec.networks.size(); ++i)
        if (interface_of(spec, i) != interfaces[i]) spec.networks[i].interface = interfaces[i];
    if (spec.networks.empty()) spec.networks.push_back({.network = "none"});
}

std::optional<size_t> find_publisher(const machine::Spec& spec, const Publication& published)
{
    for (size_t i = 0; i < spec.networks.size(); ++i)
        if (std::ranges::any_of(spec.networks[i].publish, [&](const std::string& text) { return is_same(text, published); })) return i;
    return {};
}

void remove_published(machine::Spec& spec, size_t index, const Publication& published)
{
    std::erase_if(spec.networks[index].publish, [&](const std::string& text) { return is_same(text, published); });
}

}  // namespace holm::network
