#include "cli/definition.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>

#include "base/text.h"
#include "machine/spec_file.h"
#include "machine/toml_value.h"

namespace holm::cli {

namespace {

// TOML is UTF-8, and so is what D-Bus takes.
Result<std::string> quote(std::string_view text)
{
    if (!is_valid_utf8(text)) return error(Errc::Invalid, "'{}' is not valid UTF-8", printable(text));
    return machine::toml_quote(text);
}

// TOML text under construction: tables are written when their first key is. Each line knows the option that it is made of.
class Writer {
public:
    // What the next keys are made of, as the user wrote it.
    void from(std::string_view option, std::string_view value = "")
    {
        option_ = value.empty() ? std::string(option) : fmt::format("{}={}", option, printable(value));
    }
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
        made_.text += fmt::format("{} = {}\n", machine::toml_key(key), value);
        made_.options.push_back(option_);
        return {};
    }
    // A new element of an array of tables, or a new table.
    void begin(std::string_view table)
    {
        made_.options.insert(made_.options.end(), made_.text.empty() ? 1 : 2, option_);
        made_.text += fmt::format("{}[{}]\n", made_.text.empty() ? "" : "\n", table);
        table_ = table;
    }
    const OptionsText& made() const { return made_; }

private:
    OptionsText made_;
    std::string table_;
    std::string option_;
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

// An option whose value is a key's, as it stands or as a path.
Result<> write_value(Writer& out, const Invocation& call, std::string_view option, std::string_view table, std::string_view key)
{
    if (!call.has(option)) return {};
    out.from(option, call.value(option));
    return out.string(table, key, call.value(option));
}

Result<> write_path(Writer& out, const Invocation& call, std::string_view option, std::string_view key, std::string_view folder)
{
    if (!call.has(option)) return {};
    out.from(option, call.value(option));
    return out.string("root", key, absolute_path(call.value(option), folder));
}

Result<> write_flag(Writer& out, const Invocation& call, std::string_view option, std::string_view table, std::string_view key,
                    std::string_view value)
{
    if (!call.has(option)) return {};
    out.from(option);
    return out.raw(table, key, value);
}

Result<> write_root(Writer& out, const Invocation& call, std::string_view folder)
{
    if (call.has("--ephemeral") && call.has("--read-only")) return error(Errc::Invalid, "--ephemeral and --read-only exclude each other");
    TRY(write_path(out, call, "--root", "path", folder));
    TRY(write_value(out, call, "--image", "root", "image"));
    std::vector<std::string> lower;
    for (const std::string& path : call.values("--lower")) lower.push_back(absolute_path(path, folder));
    out.from("--lower");
    TRY(out.strings("root", "lower", lower));
    TRY(write_path(out, call, "--upper", "upper", folder));
    TRY(write_flag(out, call, "--ephemeral", "root", "mode", "\"ephemeral\""));
    return write_flag(out, call, "--read-only", "root", "mode", "\"read-only\"");
}

Result<> write_payload(Writer& out, const Invocation& call)
{
    TRY(write_flag(out, call, "--boot", "payload", "boot", "true"));
    out.from("command");
    TRY(out.strings("payload", "command", call.command));
    TRY(write_value(out, call, "--user", "payload", "user"));
    TRY(write_value(out, call, "--workdir", "payload", "working_directory"));
    std::map<std::string, std::string> environment;  // the last one of a name counts
    for (const std::string& text : call.values("--env")) {
        const Assignment variable = TRY(parse_assignment("--env", text));
        environment[variable.key] = variable.value;
    }
    for (auto& [key, value] : environment) {
        out.from("--env", key);
        TRY(out.string("payload.environment", key, value));
    }
    return {};
}

Result<> write_mounts(Writer& out, const Invocation& call, std::string_view folder)
{
    for (const std::string& text : call.values("--bind")) {
        const Bind bind = TRY(parse_bind(text, folder));
        out.from("--bind", text);
        out.begin("[mount]");
        TRY(out.string("[mount]", "source", bind.source));
        TRY(out.string("[mount]", "target", bind.target));
        if (bind.read_only) TRY(out.raw("[mount]", "read_only", "true"));
    }
    for (const std::string& text : call.values("--volume")) {
        const auto parts = split(text, ':');
        if (parts.size() < 2 || parts.size() > 3 || (parts.size() == 3 && parts[2] != "ro" && parts[2] != "rw"))
            return error(Errc::Invalid, "--volume={}: not of the form VOLUME:DST[:ro|rw]", printable(text));
        out.from("--volume", text);
        out.begin("[mount]");
        TRY(out.string("[mount]", "type", "volume"));
        TRY(out.string("[mount]", "source", std::string(parts[0])));
        TRY(out.string("[mount]", "target", std::string(parts[1])));
        if (parts.size() == 3 && parts[2] == "ro") TRY(out.raw("[mount]", "read_only", "true"));
    }
    for (const std::string& target : call.values("--tmpfs")) {
        out.from("--tmpfs", target);
        out.begin("[mount]");
        TRY(out.string("[mount]", "type", "tmpfs"));
        TRY(out.string("[mount]", "target", target));
    }
    return {};
}

// Ports are published on the first network; who publishes without naming one means the shipped one.
Result<> write_networks(Writer& out, const Invocation& call)
{
    const std::vector<std::string>& ports = call.values("--publish");
    std::vector<std::string> networks = call.values("--network");
    if (networks.empty() && !ports.empty()) networks = {"holm0"};
    for (size_t i = 0; i < networks.size(); ++i) {
        const bool publishes = i == 0 && !ports.empty();
        if (publishes) out.from("--publish", ports.front());
        else out.from("--network", networks[i]);
        out.begin("[network]");
        if (call.has("--network")) out.from("--network", networks[i]);
        TRY(out.string("[network]", "network", networks[i]));
        out.from("--publish", publishes ? ports.front() : "");
        if (publishes) TRY(out.strings("[network]", "publish", ports));
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
        out.from("--property", key);
        if (values.size() == 1) TRY(out.string("resources", key, values.front()));
        else TRY(out.strings("resources", key, values));
    }
    return {};
}

Result<> write_security(Writer& out, const Invocation& call)
{
    TRY(write_value(out, call, "--users", "security", "users"));
    if (call.has("--device")) out.from("--device", call.values("--device").front());
    TRY(out.strings("security", "devices", call.values("--device")));
    std::vector<std::string> add, drop;
    for (const std::string& capability : call.values("--capability")) {
        if (capability.starts_with('-')) drop.push_back(capability.substr(1));
        else add.push_back(capability);
    }
    out.from("--capability");
    TRY(out.strings("security.capabilities", "add", add));
    TRY(out.strings("security.capabilities", "drop", drop));
    return {};
}

// The number at the front of the text, which is taken off it with the byte `end` behind it.
std::optional<size_t> take_number(std::string_view& text, char end)
{
    const size_t at = text.find(end);
    if (at == text.npos) return {};
    auto number = parse_number(text.substr(0, at), 1'000'000);
    if (!number) return {};
    text.remove_prefix(at + 1);
    return static_cast<size_t>(*number);
}

// Names the option of the line instead of line, column and key.
Error error_of_option(const Error& failure, const OptionsText& made)
{
    std::string_view text = failure.text;
    const auto line = take_number(text, ':');
    if (!line || !take_number(text, ':') || *line == 0 || *line > made.options.size()) return failure;
    text = trim(text);
    if (text.starts_with("'root': ")) return {failure.code, failure.sys_errno, std::string(text)};  // not given at all
    if (const size_t end = text.find("': "); text.starts_with('\'') && end != text.npos) text.remove_prefix(end + 3);
    return {failure.code, failure.sys_errno, fmt::format("{}: {}", made.options[*line - 1], text)};
}

// check_supported says the key between quotes.
Error error_of_key(const Error& failure, const machine::Spec& spec, const OptionsText& made)
{
    const auto words = split(failure.text, '\'');
    auto origin = words.size() > 1 ? spec.origins.find(std::string(words[1])) : spec.origins.end();
    if (origin == spec.origins.end() || !origin->second.file.empty() || origin->second.line == 0 ||
        origin->second.line > made.options.size())
        return failure;
    const std::string& option = made.options[origin->second.line - 1];
    return error(failure.code, "{}: {}", option, failure.text);
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
        return error(Errc::Invalid, "--bind={}: not of the form SRC[:DST[:ro|rw]]", printable(text));
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

bool names_root(const Invocation& call)
{
    return call.has("--root") || call.has("--image") || call.has("--lower");
}

Result<OptionsText> definition_of_options(const Invocation& call, std::string_view folder)
{
    Writer out;
    TRY(write_root(out, call, folder));
    TRY(write_payload(out, call));
    TRY(write_mounts(out, call, folder));
    TRY(write_networks(out, call));
    TRY(write_resources(out, call));
    TRY(write_security(out, call));
    TRY(write_value(out, call, "--hostname", "identity", "hostname"));
    TRY(write_value(out, call, "--slice", "unit", "slice"));
    return out.made();
}

Result<machine::Spec> parse_with_options(const machine::MachineName& name, std::vector<machine::Source> files, const OptionsText& made)
{
    if (!made.text.empty() || files.empty()) files.push_back({"", made.text});
    auto spec = machine::parse_spec(name, files);
    if (!spec) return error_of_option(spec.error(), made);
    if (auto supported = machine::check_supported(*spec); !supported) return error_of_key(supported.error(), *spec, made);
    return spec;
}

}  // namespace holm::cli
