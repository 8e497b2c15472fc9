#include "imports/import.h"

#include <algorithm>

#include "base/text.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/resources.h"

namespace holm::imports {

Result<std::vector<std::string>> split_words(std::string_view line)
{
    std::vector<std::string> words;
    std::string word;
    bool inside = false;
    char quote = 0;
    for (size_t i = 0; i < line.size(); ++i) {
        const char c = line[i];
        if (c == '\\' && quote != '\'' && i + 1 < line.size()) word += line[++i], inside = true;
        else if (quote != 0) c == quote ? void(quote = 0) : void(word += c);
        else if (c == '"' || c == '\'') quote = c, inside = true;
        else if (c == ' ' || c == '\t') {
            if (inside) words.push_back(std::exchange(word, {}));
            inside = false;
        } else word += c, inside = true;
    }
    if (quote != 0) return error(Errc::Invalid, "a quote is not closed: {}", printable(line));
    if (inside) words.push_back(word);
    return words;
}

Result<bool> parse_flag(std::string_view text)
{
    std::string word(text);
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return std::tolower(c); });
    for (const char* yes : {"1", "yes", "y", "true", "t", "on"})
        if (word == yes) return true;
    for (const char* no : {"0", "no", "n", "false", "f", "off"})
        if (word == no) return false;
    return error(Errc::Invalid, "'{}' is neither yes nor no", printable(text));
}

Result<std::pair<std::string, std::string>> parse_variable(std::string_view text)
{
    const size_t equals = text.find('=');
    if (equals == text.npos) return error(Errc::Invalid, "'{}' is not of the form KEY=VALUE", printable(text));
    std::string name = TRY(machine::parse_variable_name(text.substr(0, equals)));
    return std::pair(std::move(name), std::string(text.substr(equals + 1)));
}

machine::MachineName name_made_of(std::string_view text)
{
    std::string name;
    for (const char c : text) {
        const bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (good) name += c;
        else if (!name.empty() && name.back() != '-') name += '-';
    }
    name = name.substr(0, 64);
    while (name.ends_with('-')) name.pop_back();
    auto parsed = machine::parse_name(name);
    return parsed ? *parsed : *machine::parse_name("machine");
}

void take_resource(Imported& into, const std::string& setting, const std::string& name, const std::string& value)
{
    into.take(setting, machine::parse_resource(name, value), [&](const auto&) { into.spec.resources.emplace_back(name, value); });
}

void take_mount(Imported& into, const std::string& setting, machine::MountSpec mount)
{
    const bool has_source = mount.type == machine::MountType::Bind || mount.type == machine::MountType::Volume;
    if (mount.type == machine::MountType::Bind)
        if (!into.take(setting, machine::parse_path(mount.source), [&](std::string path) { mount.source = std::move(path); })) return;
    if (!has_source) mount.source.clear();
    if (!into.take(setting, machine::parse_path(mount.target), [&](std::string path) { mount.target = std::move(path); })) return;
    into.spec.mounts.push_back(std::move(mount));
}

void take_capabilities(Imported& into, const std::string& setting, const std::vector<std::string>& names, bool add)
{
    machine::SecuritySpec& security = into.spec.security;
    for (const std::string& name : names) {
        if (name == "all" || name == "ALL") {
            into.drop(setting, add ? "all capabilities at once are not given: name those that are needed"
                                   : "all capabilities at once are not taken: name those that are not wanted");
            continue;
        }
        into.take(setting, machine::parse_capability(name), [&](std::string capability) {
            auto& list = add ? security.capabilities_add : security.capabilities_drop;
            if (std::ranges::find(list, capability) == list.end()) list.push_back(std::move(capability));
        });
    }
}

machine::NetworkSpec& first_network(Imported& into, std::string_view network)
{
    if (into.spec.networks.empty()) into.spec.networks.push_back({.network = std::string(network)});
    return into.spec.networks.front();
}

}  // namespace holm::imports
