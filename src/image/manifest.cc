#include "image/manifest.h"

#include <algorithm>

#include "image/identifiers.h"
#include "machine/grammar.h"
#include "machine/identifiers.h"
#include "machine/toml_schema.h"

namespace holm::image {

namespace {

using machine::field;
using machine::Field;
using machine::List;
using machine::map_field;
using machine::Text;

using Argument = Text<machine::parse_argument>;
using Digest = Text<parse_digest>;
using Layers = List<Text<parse_layer_id>, max_layers>;
using Number = machine::Integer<uint64_t, 0, INT64_MAX>;

// Labels, variables and os-release are of others: any text is a key.
Result<std::string> parse_key(std::string_view text)
{
    if (text.empty() || text.size() > 1024 || machine::has_control(text))
        return error(Errc::Invalid, "'{}' is no key", printable(text, 80));
    return std::string(text);
}

constexpr Field<Healthcheck> healthcheck_fields[] = {
    field<&Healthcheck::test, List<Argument>>("test"),
    field<&Healthcheck::interval, Number>("interval"),
    field<&Healthcheck::timeout, Number>("timeout"),
    field<&Healthcheck::start_period, Number>("start_period"),
    field<&Healthcheck::start_interval, Number>("start_interval"),
    field<&Healthcheck::retries, Number>("retries"),
};

constexpr Field<Config> config_fields[] = {
    field<&Config::entrypoint, List<Argument>>("entrypoint"),
    field<&Config::command, List<Argument>>("command"),
    field<&Config::user, Argument>("user"),
    field<&Config::working_directory, Argument>("working_directory"),
    field<&Config::stop_signal, Argument>("stop_signal"),
    field<&Config::exposed_ports, List<Argument>>("exposed_ports"),
    field<&Config::volumes, List<Argument>>("volumes"),
    map_field<&Config::environment, parse_key, Argument>("environment"),
    map_field<&Config::labels, parse_key, Argument>("labels"),
    machine::table_field<&Config::healthcheck, healthcheck_fields>("healthcheck"),
};

constexpr Field<Manifest> manifest_fields[] = {
    field<&Manifest::layers, Layers>("layers"),
    field<&Manifest::origin, Argument>("origin"),
    field<&Manifest::created, Number>("created"),
    field<&Manifest::size, Number>("size"),
    field<&Manifest::architecture, Argument>("architecture"),
    map_field<&Manifest::os_release, parse_key, Argument>("os_release"),
    machine::table_field<&Manifest::config, config_fields>("config"),
};

constexpr Field<Name> name_fields[] = {
    field<&Name::manifest, Digest>("manifest"),
    field<&Name::read_only, machine::Boolean>("read_only"),
};

constexpr Field<LayerInfo> layer_fields[] = {
    field<&LayerInfo::digest, Digest>("digest"),
    field<&LayerInfo::diff_id, Digest>("diff_id"),
    field<&LayerInfo::size, Number>("size"),
    field<&LayerInfo::entries, Number>("entries"),
};

constexpr Field<Stack> stack_fields[] = {
    field<&Stack::reference, Argument>("reference"),
    field<&Stack::manifest, Digest>("manifest"),
    field<&Stack::layers, Layers>("layers"),
    field<&Stack::others, List<Digest>>("others"),
};

template <typename Target, size_t count>
Result<Target> parse_document(std::string_view text, std::string_view file, const Field<Target> (&fields)[count])
{
    const machine::TomlValue document = TRY(machine::parse_toml({.file = std::string(file), .text = std::string(text)}));
    Target target;
    machine::OriginMap origins;
    TRY(read_document(document, target, fields, origins));
    return target;
}

template <typename Target, size_t count>
std::string describe_document(const Target& target, const Field<Target> (&fields)[count])
{
    machine::TomlWriter writer;
    write_fields(target, fields, writer);
    return writer.text();
}

}  // namespace

bool extends(const std::vector<std::string>& layers, const Manifest& other)
{
    return layers.size() >= other.layers.size() && std::equal(other.layers.rbegin(), other.layers.rend(), layers.rbegin());
}

bool follows(const std::vector<std::string>& layers, std::string_view origin, const Manifest& other)
{
    if (extends(layers, other)) return true;
    if (other.origin != origin || other.layers.empty()) return false;
    Manifest below;
    below.layers.assign(other.layers.begin() + 1, other.layers.end());
    return extends(layers, below);
}

std::string describe_manifest(const Manifest& manifest)
{
    return describe_document(manifest, manifest_fields);
}

Result<Manifest> parse_manifest(std::string_view text, std::string_view file)
{
    Manifest manifest = TRY(parse_document(text, file, manifest_fields));
    if (manifest.layers.empty()) return error(Errc::Invalid, "'{}' has no layers", file);
    return manifest;
}

std::string describe_name(const Name& name)
{
    return describe_document(name, name_fields);
}

Result<Name> parse_name(std::string_view text, std::string_view file)
{
    Name name = TRY(parse_document(text, file, name_fields));
    if (name.manifest.empty()) return error(Errc::Invalid, "'{}' has no manifest", file);
    return name;
}

std::string describe_layer_info(const LayerInfo& info)
{
    return describe_document(info, layer_fields);
}

Result<LayerInfo> parse_layer_info(std::string_view text, std::string_view file)
{
    return parse_document(text, file, layer_fields);
}

std::string describe_stack(const Stack& stack)
{
    return describe_document(stack, stack_fields);
}

Result<Stack> parse_stack(std::string_view text, std::string_view file)
{
    Stack stack = TRY(parse_document(text, file, stack_fields));
    if (stack.layers.empty()) return error(Errc::Invalid, "'{}' has no layers", file);
    return stack;
}

}  // namespace holm::image
