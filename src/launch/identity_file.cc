#include "launch/identity_file.h"

#include "launch/plan_codecs.h"
#include "launch/range.h"
#include "machine/toml_schema.h"

namespace holm::launch {

namespace {

using machine::field;
using machine::Field;

constexpr Field<machine::IdRange> range_fields[] = {
    field<&machine::IdRange::base, UserId>("base"),
    field<&machine::IdRange::count, UserId>("count"),
};

constexpr Field<Identity> identity_fields[] = {
    field<&Identity::uuid, machine::Text<machine::parse_machine_id>>("uuid"),
    machine::table_field<&Identity::ids, range_fields>("ids"),
};

}  // namespace

std::string describe_identity(const Identity& identity)
{
    machine::TomlWriter writer;
    write_fields(identity, identity_fields, writer);
    return fmt::format("# Drawn by holm for this machine; ids: of the host, for the machine's 0 and up.\n{}", writer.text());
}

Result<Identity> parse_identity(std::string_view text, std::string_view file)
{
    machine::TomlValue document = TRY(machine::parse_toml({.file = std::string(file), .text = std::string(text)}));
    Identity identity;
    machine::OriginMap origins;
    TRY(read_document(document, identity, identity_fields, origins));
    if (identity.uuid.empty()) return error(Errc::Invalid, "'{}' has no uuid", file);
    if (identity.ids.base != 0) TRY(check_range(identity.ids.base, identity.ids.count, {}), fmt::format("'{}'", file));
    return identity;
}

}  // namespace holm::launch
