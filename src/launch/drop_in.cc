#include "launch/drop_in.h"

#include <algorithm>
#include <set>
#include <vector>

#include <fmt/format.h>

#include "api/names.h"
#include "base/text.h"
#include "launch/unit_properties.h"
#include "machine/grammar.h"
#include "machine/resources.h"

namespace holm::launch {

namespace {

// The host's folders without which the machine cannot start.
std::set<std::string> paths_of(const machine::Spec& spec)
{
    std::set<std::string> paths(spec.root.lower.begin(), spec.root.lower.end());
    paths.insert(spec.root.path);
    paths.insert(spec.root.upper);
    if (!spec.root.image.empty()) paths.insert({fmt::format("{}/images/{}", api::state_folder, spec.root.image), "/var/lib/machines"});
    for (const machine::MountSpec& mount : spec.mounts)
        if (!mount.optional && mount.source.starts_with('/')) paths.insert(mount.source);
    for (const machine::CredentialSpec& credential : spec.credentials) paths.insert(credential.file);
    paths.erase("");
    paths.erase("/");
    return paths;
}

// "KEY=a b\n", or nothing for an empty list, which would clear what other files say.
std::string setting(std::string_view key, const std::vector<std::string>& words)
{
    return words.empty() ? std::string() : fmt::format("{}={}\n", key, fmt::join(words, " "));
}

}  // namespace

std::string quote_value(std::string_view text)
{
    std::string value;
    for (char c : text) {
        if (static_cast<unsigned char>(c) < 0x20) value += ' ';
        else value += c;
        if (c == '%') value += '%';
    }
    if (value.ends_with('\\')) value += ' ';  // else the next line would belong to this one
    return value;
}

// systemd takes a list of paths apart with EXTRACT_UNQUOTE: within quotes a backslash stands for the byte behind it. Then `%%` is `%`.
std::string quote_path(std::string_view path)
{
    std::string word = "\"";
    for (char c : path) {
        if (c == '"' || c == '\\') word += '\\';
        if (c == '%') word += '%';
        word += c;
    }
    return word + '"';
}

std::string describe_drop_in(const machine::Spec& spec)
{
    std::vector<std::string> mounts;
    for (const std::string& path : paths_of(spec)) mounts.push_back(quote_path(path));
    std::string text = fmt::format("# Written by holm-generator from the definition of '{}'.\n[Unit]\nDescription={}\n", spec.name.text(),
                                   quote_value(describe_unit(spec)));
    text += setting("After", spec.unit.after);
    text += setting("Requires", spec.unit.requires_);
    text += setting("Wants", spec.unit.wants);
    text += setting("RequiresMountsFor", mounts);
    std::string service;
    if (spec.unit.slice != machine::UnitSpec().slice) service += fmt::format("Slice={}\n", spec.unit.slice);
    for (const auto& [name, value] : spec.resources)
        if (machine::is_read_at_load(name)) service += fmt::format("{}={}\n", name, quote_value(value));
    return service.empty() ? text : text + "\n[Service]\n" + service;
}

std::string describe_shutdown_timer(std::chrono::microseconds timeout)
{
    return fmt::format("# Written by holm-generator from holm.toml.\n[Timer]\nOnActiveSec=\nOnActiveSec={}\n",
                       machine::describe_duration(timeout));
}

std::string ordering_of(std::string_view drop_in)
{
    std::string lines;
    for (std::string_view line : split(drop_in, '\n'))
        for (std::string_view key :
             {"After=", "Requires=", "Wants=", "Slice=", "BPFProgram=", "IPIngressFilterPath=", "IPEgressFilterPath="})
            if (line.starts_with(key)) lines += fmt::format("{}\n", line);
    return lines;
}

}  // namespace holm::launch
