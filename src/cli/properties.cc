#include "cli/properties.h"

#include <cstring>

#include "base/text.h"

namespace holm::cli {

namespace {

constexpr unsigned deepest = 32;  // containers within each other; D-Bus itself allows 64

Error malformed()
{
    return error(Errc::Invalid, "holmd's answer is malformed");
}

Result<Properties> read_value(sd_bus_message* m, unsigned depth);

template <typename Raw, typename Value>
Result<Properties> read_basic(sd_bus_message* m, char type)
{
    Raw raw{};
    if (sd_bus_message_read_basic(m, type, static_cast<void*>(&raw)) <= 0) return malformed();
    return Properties(static_cast<Value>(raw));
}

// Bytes are text of hex digits: that is how ids are written.
Result<Properties> read_bytes(sd_bus_message* m)
{
    const void* data = nullptr;
    size_t size = 0;
    if (sd_bus_message_read_array(m, 'y', &data, &size) < 0) return malformed();
    std::string hex;
    for (size_t i = 0; i < size; ++i) hex += fmt::format("{:02x}", static_cast<const unsigned char*>(data)[i]);
    return Properties(hex);
}

Result<Properties> read_list(sd_bus_message* m, unsigned depth)
{
    Properties list = Properties::array();
    while (!sd_bus_message_at_end(m, 0)) list.push_back(TRY(read_value(m, depth)));
    return list;
}

// The entries of a dictionary; keys that are no text are turned into it.
Result<Properties> read_dictionary(sd_bus_message* m, const char* entry, unsigned depth)
{
    Properties object = Properties::object();
    while (sd_bus_message_enter_container(m, 'e', entry) > 0) {
        const Properties key = TRY(read_value(m, depth));
        object[key.is_string() ? key.get<std::string>() : key.dump()] = TRY(read_value(m, depth));
        if (sd_bus_message_exit_container(m) < 0) return malformed();
    }
    return object;
}

Result<Properties> read_container(sd_bus_message* m, char type, const char* contents, unsigned depth)
{
    if (depth > deepest) return malformed();
    const std::string inside = contents;  // of the message: gone when the position moves
    if (type == 'a' && inside == "y") return read_bytes(m);
    if (sd_bus_message_enter_container(m, type, inside.c_str()) <= 0) return malformed();
    Properties value;
    if (type == 'a' && inside.starts_with('{')) value = TRY(read_dictionary(m, inside.substr(1, inside.size() - 2).c_str(), depth));
    else if (type == 'v') value = TRY(read_value(m, depth));
    else value = TRY(read_list(m, depth));
    if (sd_bus_message_exit_container(m) < 0) return malformed();
    return value;
}

Result<Properties> read_value(sd_bus_message* m, unsigned depth)
{
    char type = 0;
    const char* contents = nullptr;
    if (sd_bus_message_peek_type(m, &type, &contents) <= 0) return malformed();
    switch (type) {
    case 'b': return read_basic<int, bool>(m, type);
    case 'y': return read_basic<uint8_t, uint64_t>(m, type);
    case 'n': return read_basic<int16_t, int64_t>(m, type);
    case 'q': return read_basic<uint16_t, uint64_t>(m, type);
    case 'i': return read_basic<int32_t, int64_t>(m, type);
    case 'u': return read_basic<uint32_t, uint64_t>(m, type);
    case 'x': return read_basic<int64_t, int64_t>(m, type);
    case 't': return read_basic<uint64_t, uint64_t>(m, type);
    case 'd': return read_basic<double, double>(m, type);
    case 's':
    case 'o':
    case 'g': return read_basic<const char*, std::string>(m, type);
    case 'a':
    case 'r':
    case 'v': return read_container(m, type, contents, depth + 1);
    default: return malformed();
    }
}

template <typename T>
T value_of(const Properties& properties, std::string_view name, bool (Properties::*is_type)() const noexcept)
{
    auto found = properties.find(name);
    return found != properties.end() && ((*found).*is_type)() ? found->get<T>() : T{};
}

}  // namespace

Result<Properties> read_properties(sd_bus_message* answer)
{
    return read_value(answer, 0);
}

std::string text_of(const Properties& properties, std::string_view name)
{
    return value_of<std::string>(properties, name, &Properties::is_string);
}

uint64_t number_of(const Properties& properties, std::string_view name)
{
    return value_of<uint64_t>(properties, name, &Properties::is_number_integer);
}

bool flag_of(const Properties& properties, std::string_view name)
{
    return value_of<bool>(properties, name, &Properties::is_boolean);
}

std::string describe_value(const Properties& value)
{
    if (value.is_string()) return printable(value.get<std::string>(), 4096);
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (!value.is_structured()) return value.dump();
    std::string text;
    for (auto& [key, item] : value.items()) {
        if (!text.empty()) text += ' ';
        if (value.is_object()) text += printable(key) + "=";
        text += describe_value(item);
    }
    return text;
}

std::string describe_json(const Properties& properties, JsonStyle style)
{
    return properties.dump(style == JsonStyle::Pretty ? 2 : -1) + "\n";
}

}  // namespace holm::cli
