#include "systemd/message.h"

#include "base/text.h"

namespace holm::systemd {

using detail::check;

Result<> append(sd_bus_message* m, bool value)
{
    int wide = value;  // sd-bus reads an int for 'b'
    return check(sd_bus_message_append_basic(m, 'b', &wide), "write");
}
Result<> append(sd_bus_message* m, int32_t value)
{
    return check(sd_bus_message_append_basic(m, 'i', &value), "write");
}
Result<> append(sd_bus_message* m, uint16_t value)
{
    return check(sd_bus_message_append_basic(m, 'q', &value), "write");
}
Result<> append(sd_bus_message* m, uint32_t value)
{
    return check(sd_bus_message_append_basic(m, 'u', &value), "write");
}
Result<> append(sd_bus_message* m, uint64_t value)
{
    return check(sd_bus_message_append_basic(m, 't', &value), "write");
}
Result<> append(sd_bus_message* m, const char* value)
{
    return append(m, std::string(value));
}
Result<> append(sd_bus_message* m, const ObjectPath& value)
{
    return check(sd_bus_message_append_basic(m, 'o', value.text.c_str()), "write");
}

Result<> append(sd_bus_message* m, const std::string& value)
{
    bool clean = is_valid_utf8(value) && value.find('\0') == value.npos;
    const std::string safe = clean ? std::string() : printable(value, value.size() * 4);
    return check(sd_bus_message_append_basic(m, 's', clean ? value.c_str() : safe.c_str()), "write");
}

Result<> append(sd_bus_message* m, const Fd& value)
{
    int number = value.get();
    return check(sd_bus_message_append_basic(m, 'h', &number), "write");
}

Result<> append(sd_bus_message* m, const std::vector<uint8_t>& value)
{
    return check(sd_bus_message_append_array(m, 'y', value.data(), value.size()), "write");
}

Result<> append(sd_bus_message* m, const Variant& value)
{
    return std::visit([&](const auto& held) { return detail::append_variant(m, held); }, value);
}

Result<> append(sd_bus_message* m, const machine::UnitProperty::Value& value)
{
    return std::visit([&](const auto& held) { return detail::append_variant(m, held); }, value);
}

namespace {

Error wrong(sd_bus_message* m, const std::string& expected)
{
    const char* contents = nullptr;
    char type = 0;
    int r = sd_bus_message_peek_type(m, &type, &contents);
    if (r <= 0) return error(Errc::Invalid, "the message ends where a value of type '{}' was expected", expected);
    return error(Errc::Invalid, "a value of type '{}{}' where '{}' was expected", type, contents ? contents : "", expected);
}

template <typename Raw>
Result<Raw> read_basic(sd_bus_message* m, char type)
{
    Raw raw{};
    if (sd_bus_message_read_basic(m, type, static_cast<void*>(&raw)) <= 0) return wrong(m, std::string(1, type));
    return raw;
}

}  // namespace

Result<> read(sd_bus_message* m, bool& into)
{
    into = TRY(read_basic<int>(m, 'b')) != 0;
    return {};
}
Result<> read(sd_bus_message* m, int32_t& into)
{
    into = TRY(read_basic<int32_t>(m, 'i'));
    return {};
}
Result<> read(sd_bus_message* m, uint16_t& into)
{
    into = TRY(read_basic<uint16_t>(m, 'q'));
    return {};
}
Result<> read(sd_bus_message* m, uint32_t& into)
{
    into = TRY(read_basic<uint32_t>(m, 'u'));
    return {};
}
Result<> read(sd_bus_message* m, uint64_t& into)
{
    into = TRY(read_basic<uint64_t>(m, 't'));
    return {};
}
Result<> read(sd_bus_message* m, std::string& into)
{
    into = TRY(read_basic<const char*>(m, 's'));
    return {};
}
Result<> read(sd_bus_message* m, ObjectPath& into)
{
    into.text = TRY(read_basic<const char*>(m, 'o'));
    return {};
}
Result<> read(sd_bus_message* m, Fd& into)
{
    int borrowed = TRY(read_basic<int>(m, 'h'));
    into = TRY(duplicate(borrowed));
    return {};
}

Result<> read(sd_bus_message* m, std::vector<uint8_t>& into)
{
    const void* data = nullptr;
    size_t size = 0;
    if (sd_bus_message_read_array(m, 'y', &data, &size) < 0) return wrong(m, "ay");
    auto bytes = static_cast<const uint8_t*>(data);
    into.assign(bytes, bytes + size);
    return {};
}

namespace {

// The alternative of a variant whose signature is `contents`, read from the inside of one of D-Bus.
template <typename Values, size_t index = 0>
Result<> read_alternative(sd_bus_message* m, const std::string& contents, Values& into)
{
    if constexpr (index == std::variant_size_v<Values>)
        return error(Errc::Invalid, "a value of the unknown type '{}'", printable(contents));
    else {
        using Alternative = std::variant_alternative_t<index, Values>;
        if (contents != signature_of<Alternative>()) return read_alternative<Values, index + 1>(m, contents, into);
        into = TRY(read<Alternative>(m));
        return {};
    }
}

template <typename Values>
Result<> read_variant(sd_bus_message* m, Values& into)
{
    char type = 0;
    const char* contents = nullptr;
    if (sd_bus_message_peek_type(m, &type, &contents) <= 0 || type != 'v') return wrong(m, "v");
    const std::string held = contents;
    return detail::read_container(m, 'v', held, [&] { return read_alternative(m, held, into); });
}

}  // namespace

Result<> read(sd_bus_message* m, Variant& into)
{
    return read_variant(m, into);
}

Result<> read(sd_bus_message* m, machine::UnitProperty::Value& into)
{
    return read_variant(m, into);
}

namespace detail {

Result<> enter(sd_bus_message* m, char type, const std::string& contents)
{
    if (sd_bus_message_enter_container(m, type, contents.c_str()) <= 0) return wrong(m, type + contents);
    return {};
}

Result<> leave(sd_bus_message* m)
{
    return check(sd_bus_message_exit_container(m), "read");
}

bool at_end(sd_bus_message* m)
{
    return sd_bus_message_at_end(m, 0) != 0;
}

}  // namespace detail

}  // namespace holm::systemd
