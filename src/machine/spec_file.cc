#include "machine/spec_file.h"

#include "machine/spec_schema.h"

namespace holm::machine {

Result<Spec> parse_spec(const MachineName& name, std::span<const Source> sources)
{
    TomlValue document;
    for (const Source& source : sources) document = merge_toml(std::move(document), TRY(parse_toml(source)));
    Spec spec;
    spec.name = name;
    TRY(read_spec(document, spec));
    // so that "there is no root" names the file to be edited
    if (!sources.empty()) spec.origins.try_emplace("root", Origin{sources.back().file, 1, 1});
    TRY(check_consistent(spec));
    return spec;
}

Result<std::vector<std::string>> profiles_of(const Source& source)
{
    TomlValue document = TRY(parse_toml(source));
    const TomlValue* profiles = document.find("profiles");
    if (!profiles) return std::vector<std::string>{};
    TomlValue only;
    only.entries.push_back({"profiles", *profiles});
    Spec spec;
    TRY(read_spec(only, spec));
    return spec.profiles;
}

std::string describe_spec_file(const Spec& spec, Origins origins)
{
    return write_spec(spec, origins == Origins::Comment);
}

}  // namespace holm::machine
