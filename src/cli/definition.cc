#include "cli/definition.h"

#include <algorithm>
#include <filesystem>
#include <map>

#include "base/text.h"
#include "machine/toml_value.h"

namespace holm::cli {

namespace {

// TOML is UTF-8, and so is what D-Bus takes.
Result<std::string> quote(std::string_view text)
{
    if (!is_valid_utf8(text)) return error(Errc::Invalid, "'{}' is not valid UTF-8", printable(text));
    return machine::toml_quote(text);
}

// TOML text under construction: tables are written when their first key is.
class Writer {
public:
    Result<> string(std::string_view table, std::string_view key, std::string_view value) { return raw(table, key, TRY(quote(value))); }
    Result<> strings(std::string_view table, std::string_view key, const std::vector<std::string>& values)
    {
        if (values.empty()) return {};
        std::string list;
        for (const std::string& value : values) list += (list.empty() ? "" : ", ") + TRY(quote(value));
        return raw(table, key, "[" + list + "]");
    }
    Result<> raw(std::string_view table, std::string_view key, std::string_view value)
    {
        if (table != table_) begin(table);
        text_ += fmt::format("{} = {}\n", machine::toml_key(key), value);
        return {};
    }
    // A new element of an array of tables, or a new table.
    void begin(std::string_view table)
    {
        text_ += fmt::format("{}[{}]\n", text_.empty() ? "" : "\n", table);
        table_ = table;
    }
    const std::string& text() const { return text_; }

private:
    std::string text_;
    std::string table_;
};

struct Assignment {
    std::string key;
    std::string value;
};

Result<Assignment> parse_assignment(std::string_view option, std::string_view text)
{
    const size_t equals = text.find('=');
    if (!is_valid_utf8(text)) return error(Errc::Invalid, "{}={}: not valid UTF-8", option, printable(text));
    if (equals == text.npos || equals == 0) return error(Errc::Invalid, "{}={}: not of the form KEY=VALUE", option, printable(text));
    return Assignment{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Result<> write_root(Writer& out, const Invocation& call, std::string_view folder)
{
    if (call.has("--root")) TRY(out.string("root", "path", absolute_path(call.value("--root"), folder)));
    if (call.has("--image")) TRY(out.string("root", "image", call.value("--image")));
    std::vector<std::string> lower;
    for (const std::string& path : call.values("--lower")) lower.push_back(absolute_path(path, folder));
    TRY(out.strings("root", "lower", lower));
    if (call.has("--upper")) TRY(out.string("root", "upper", absolute_path(call.value("--upper"), folder)));
    if (call.has("--ephemeral") && call.has("--read-only")) return error(Errc::Invalid, "--ephemeral and --read-only exclude each other");
    if (call.has("--ephemeral")) TRY(out.string("root", "mode", "ephemeral"));
    if (call.has("--read-only")) TRY(out.string("root", "mode", "read-only"));
    return {};
}

Result<> write_payload(Writer& out, const Invocation& call)
{
    if (call.has("--boot")) TRY(out.raw("payload", "boot", "true"));
    TRY(out.strings("payload", "command", call.command));
    if (call.has("--user")) TRY(out.string("payload", "user", call.value("--user")));
    std::map<std::string, std::string> environment;  // the last one of a name counts
    for (const std::string& text : call.values("--env")) {
        const Assignment variable = TRY(parse_assignment("--env", text));
        environment[variable.key] = variable.value;
    }
    for (auto& [key, value] : environment) TRY(out.string("payload.environment", key, value));
    return {};
}

Result<> write_mounts(Writer& out, const Invocation& call, std::string_view folder)
{
    for (const std::string& text : call.values("--bind")) {
        const Bind bind = TRY(parse_bind(text, folder));
        out.begin("[mount]");
        TRY(out.string("[mount]", "source", bind.source));
        TRY(out.string("[mount]", "target", bind.target));
        if (bind.read_only) TRY(out.raw("[mount]", "read_only", "true"));
    }
    for (const std::string& target : call.values("--tmpfs")) {
        out.begin("[mount]");
        TRY(out.string("[mount]", "type", "tmpfs"));
        TRY(out.string("[mount]", "target", target));
    }
    return {};
}

// Ports are published on the first network.
Result<> write_networks(Writer& out, const Invocation& call)
{
    bool first = true;
    for (const std::string& network : call.values("--network")) {
        out.begin("[network]");
        TRY(out.string("[network]", "network", network));
        if (first) TRY(out.strings("[network]", "publish", call.values("--publish")));
        first = false;
    }
    if (first && call.has("--publish")) {
        out.begin("[network]");
        TRY(out.strings("[network]", "publish", call.values("--publish")));
    }
    return {};
}

// A property that is given more than once becomes a list, as in a unit file.
Result<> write_resources(Writer& out, const Invocation& call)
{
    std::vector<std::pair<std::string, std::vector<std::string>>> properties;
    for (const std::string& text : call.values("--property")) {
        const Assignment property = TRY(parse_assignment("--property", text));
        auto known = std::ranges::find(properties, property.key, [](auto& entry) { return entry.first; });
        if (known == properties.end()) properties.push_back({property.key, {property.value}});
        else known->second.push_back(property.value);
    }
    for (auto& [key, values] : properties) {
        if (values.size() == 1) TRY(out.string("resources", key, values.front()));
        else TRY(out.strings("resources", key, values));
    }
    return {};
}

Result<> write_security(Writer& out, const Invocation& call)
{
    if (call.has("--users")) TRY(out.string("security", "users", call.value("--users")));
    TRY(out.strings("security", "devices", call.values("--device")));
    std::vector<std::string> add, drop;
    for (const std::string& capability : call.values("--capability")) {
        if (capability.starts_with('-')) drop.push_back(capability.substr(1));
        else add.push_back(capability);
    }
    TRY(out.strings("security.capabilities", "add", add));
    TRY(out.strings("security.capabilities", "drop", drop));
    return {};
}

}  // namespace

std::string absolute_path(std::string_view path, std::string_view folder)
{
    std::string whole(path);
    if (!path.starts_with('/')) whole = (std::filesystem::path(folder) / path).lexically_normal().string();
    while (whole.size() > 1 && whole.ends_with('/')) whole.pop_back();
    return whole;
}

Result<Bind> parse_bind(std::string_view text, std::string_view folder)
{
    std::vector<std::string> parts(1);
    for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '\\' && i + 1 < text.size() && (text[i + 1] == ':' || text[i + 1] == '\\')) parts.back() += text[++i];
        else if (text[i] == ':') parts.emplace_back();
        else parts.back() += text[i];
    }
    const bool known_end = parts.size() < 3 || parts[2] == "ro" || parts[2] == "rw";
    if (parts.size() > 3 || !known_end || parts[0].empty() || (parts.size() > 1 && parts[1].empty()))
        return error(Errc::Invalid, "--bind={}: not of the form SRC[:DST[:ro]]", printable(text));
    Bind bind;
    bind.source = absolute_path(parts[0], folder);
    bind.target = parts.size() > 1 ? parts[1] : bind.source;
    bind.read_only = parts.size() > 2 && parts[2] == "ro";
    return bind;
}

bool defines_machine(const Invocation& call)
{
    const VerbInfo& create = *find_verb("create");
    return !call.command.empty() || std::ranges::any_of(create.options, [&](const OptionInfo& option) { return call.has(option.name); });
}

Result<std::string> definition_of_options(const Invocation& call, std::string_view folder)
{
    Writer out;
    TRY(write_root(out, call, folder));
    TRY(write_payload(out, call));
    TRY(write_mounts(out, call, folder));
    TRY(write_networks(out, call));
    TRY(write_resources(out, call));
    TRY(write_security(out, call));
    if (call.has("--hostname")) TRY(out.string("identity", "hostname", call.value("--hostname")));
    return out.text();
}

}  // namespace holm::cli
