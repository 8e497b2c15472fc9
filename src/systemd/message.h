// Typed reading and writing of D-Bus messages: append(m, value), read<T>(m). The C++ type is the signature:
//   bool b · uint16_t q · int32_t i · uint32_t u · uint64_t t · std::string s · ObjectPath o · Fd h · vector<uint8_t> ay · vector<T> aT
//   pair<A, B>, tuple<…> (…) · map<A, B> a{AB} · Variant v
// Effects: none but on the message (reading a descriptor duplicates it).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include <systemd/sd-bus.h>

#include "base/error.h"
#include "base/fd.h"
#include "base/handle.h"
#include "machine/unit_property.h"

namespace holm::systemd {

using MessageHandle = Handle<sd_bus_message, sd_bus_message_unref>;

struct ObjectPath {
    std::string text;
    bool operator==(const ObjectPath&) const = default;
    auto operator<=>(const ObjectPath&) const = default;
};

// A value in a variant, of the types that our interfaces use there.
using Strings = std::vector<std::string>;
using Labels = std::map<std::string, std::string>;
using Variant = std::variant<bool, int32_t, uint32_t, uint64_t, std::string, ObjectPath, Strings, std::vector<uint8_t>, Labels>;
using Options = std::map<std::string, Variant>;  // a{sv}

// -- signatures -----------------------------------------------------------------------------------------------------------------

template <typename T>
struct Signature;
template <>
struct Signature<bool> {
    static std::string text() { return "b"; }
};
template <>
struct Signature<int32_t> {
    static std::string text() { return "i"; }
};
template <>
struct Signature<uint32_t> {
    static std::string text() { return "u"; }
};
template <>
struct Signature<uint64_t> {
    static std::string text() { return "t"; }
};
template <>
struct Signature<uint8_t> {
    static std::string text() { return "y"; }
};
template <>
struct Signature<uint16_t> {
    static std::string text() { return "q"; }
};
template <>
struct Signature<std::string> {
    static std::string text() { return "s"; }
};
template <>
struct Signature<ObjectPath> {
    static std::string text() { return "o"; }
};
template <>
struct Signature<Fd> {
    static std::string text() { return "h"; }
};
template <>
struct Signature<Variant> {
    static std::string text() { return "v"; }
};
template <typename T>
struct Signature<std::vector<T>> {
    static std::string text() { return "a" + Signature<T>::text(); }
};
template <typename... T>
struct Signature<std::tuple<T...>> {
    static std::string text() { return "(" + (Signature<T>::text() + ... + std::string()) + ")"; }
};
template <typename A, typename B>
struct Signature<std::pair<A, B>> {
    static std::string text() { return "(" + Signature<A>::text() + Signature<B>::text() + ")"; }
};
template <typename A, typename B>
struct Signature<std::map<A, B>> {
    static std::string text() { return "a{" + Signature<A>::text() + Signature<B>::text() + "}"; }
};

template <typename T>
std::string signature_of()
{
    return Signature<T>::text();
}

// -- writing --------------------------------------------------------------------------------------------------------------------

namespace detail {

inline Result<> check(int result, const char* what)
{
    if (result < 0) return errno_error(-result, "cannot {} a D-Bus message", what);
    return {};
}

}  // namespace detail

Result<> append(sd_bus_message* m, bool value);
Result<> append(sd_bus_message* m, int32_t value);
Result<> append(sd_bus_message* m, uint16_t value);
Result<> append(sd_bus_message* m, uint32_t value);
Result<> append(sd_bus_message* m, uint64_t value);
Result<> append(sd_bus_message* m, const std::string& value);  // bytes that are no UTF-8 go through printable()
Result<> append(sd_bus_message* m, const char* value);
Result<> append(sd_bus_message* m, const ObjectPath& value);
Result<> append(sd_bus_message* m, const Fd& value);
Result<> append(sd_bus_message* m, const std::vector<uint8_t>& value);
Result<> append(sd_bus_message* m, const Variant& value);
// A property's value in its variant.
Result<> append(sd_bus_message* m, const machine::UnitProperty::Value& value);
template <typename T>
Result<> append(sd_bus_message* m, const std::vector<T>& values);
template <typename A, typename B>
Result<> append(sd_bus_message* m, const std::pair<A, B>& value);
template <typename... T>
Result<> append(sd_bus_message* m, const std::tuple<T...>& value);
template <typename A, typename B>
Result<> append(sd_bus_message* m, const std::map<A, B>& values);

template <typename... T>
Result<> append_all([[maybe_unused]] sd_bus_message* m, const T&... values)
{
    Result<> done;
    static_cast<void>(((done = append(m, values), done.has_value()) && ...));
    return done;
}

namespace detail {

// Opens a container, lets `fill` write its contents, closes it.
template <typename Fill>
Result<> append_container(sd_bus_message* m, char type, const std::string& contents, Fill fill)
{
    TRY(check(sd_bus_message_open_container(m, type, contents.c_str()), "write"));
    TRY(fill());
    return check(sd_bus_message_close_container(m), "write");
}

template <typename T>
Result<> append_variant(sd_bus_message* m, const T& value)
{
    return append_container(m, 'v', signature_of<T>(), [&] { return append(m, value); });
}

}  // namespace detail

template <typename T>
Result<> append(sd_bus_message* m, const std::vector<T>& values)
{
    return detail::append_container(m, 'a', signature_of<T>(), [&]() -> Result<> {
        for (const T& value : values) TRY(append(m, value));
        return {};
    });
}

template <typename A, typename B>
Result<> append(sd_bus_message* m, const std::pair<A, B>& value)
{
    return detail::append_container(m, 'r', signature_of<A>() + signature_of<B>(),
                                    [&] { return append_all(m, value.first, value.second); });
}

template <typename... T>
Result<> append(sd_bus_message* m, const std::tuple<T...>& value)
{
    std::string contents = (signature_of<T>() + ... + std::string());
    return detail::append_container(m, 'r', contents,
                                    [&] { return std::apply([&](const T&... part) { return append_all(m, part...); }, value); });
}

template <typename A, typename B>
Result<> append(sd_bus_message* m, const std::map<A, B>& values)
{
    std::string entry = signature_of<A>() + signature_of<B>();
    return detail::append_container(m, 'a', "{" + entry + "}", [&]() -> Result<> {
        for (auto& [key, value] : values) TRY(detail::append_container(m, 'e', entry, [&] { return append_all(m, key, value); }));
        return {};
    });
}

// -- reading --------------------------------------------------------------------------------------------------------------------
// Errors: Invalid, where the message holds something else. `into` is then in an unknown state.

Result<> read(sd_bus_message* m, bool& into);
Result<> read(sd_bus_message* m, int32_t& into);
Result<> read(sd_bus_message* m, uint16_t& into);
Result<> read(sd_bus_message* m, uint32_t& into);
Result<> read(sd_bus_message* m, uint64_t& into);
Result<> read(sd_bus_message* m, std::string& into);
Result<> read(sd_bus_message* m, ObjectPath& into);
Result<> read(sd_bus_message* m, Fd& into);  // a duplicate: the message keeps its own
Result<> read(sd_bus_message* m, std::vector<uint8_t>& into);
Result<> read(sd_bus_message* m, Variant& into);
Result<> read(sd_bus_message* m, machine::UnitProperty::Value& into);
template <typename T>
Result<> read(sd_bus_message* m, std::vector<T>& into);
template <typename A, typename B>
Result<> read(sd_bus_message* m, std::pair<A, B>& into);
template <typename... T>
Result<> read(sd_bus_message* m, std::tuple<T...>& into);
template <typename A, typename B>
Result<> read(sd_bus_message* m, std::map<A, B>& into);

template <typename... T>
Result<> read_all_of([[maybe_unused]] sd_bus_message* m, T&... into)
{
    Result<> done;
    static_cast<void>(((done = read(m, into), done.has_value()) && ...));
    return done;
}

namespace detail {

Result<> enter(sd_bus_message* m, char type, const std::string& contents);
Result<> leave(sd_bus_message* m);
bool at_end(sd_bus_message* m);

template <typename Fill>
Result<> read_container(sd_bus_message* m, char type, const std::string& contents, Fill fill)
{
    TRY(enter(m, type, contents));
    TRY(fill());
    return leave(m);
}

}  // namespace detail

template <typename T>
Result<> read(sd_bus_message* m, std::vector<T>& into)
{
    return detail::read_container(m, 'a', signature_of<T>(), [&]() -> Result<> {
        while (!detail::at_end(m)) TRY(read(m, into.emplace_back()));
        return {};
    });
}

template <typename A, typename B>
Result<> read(sd_bus_message* m, std::pair<A, B>& into)
{
    return detail::read_container(m, 'r', signature_of<A>() + signature_of<B>(), [&] { return read_all_of(m, into.first, into.second); });
}

template <typename... T>
Result<> read(sd_bus_message* m, std::tuple<T...>& into)
{
    std::string contents = (signature_of<T>() + ... + std::string());
    return detail::read_container(m, 'r', contents, [&] { return std::apply([&](T&... part) { return read_all_of(m, part...); }, into); });
}

template <typename A, typename B>
Result<> read(sd_bus_message* m, std::map<A, B>& into)
{
    std::string entry = signature_of<A>() + signature_of<B>();
    return detail::read_container(m, 'a', "{" + entry + "}", [&]() -> Result<> {
        while (!detail::at_end(m)) {
            A key;
            B value;
            TRY(detail::read_container(m, 'e', entry, [&] { return read_all_of(m, key, value); }));
            const auto [place, added] = into.try_emplace(std::move(key), std::move(value));
            if (!added) return error(Errc::Invalid, "key '{}' stands twice in a D-Bus message", place->first);
        }
        return {};
    });
}

// The next value of type T.
template <typename T>
Result<T> read(sd_bus_message* m)
{
    T value{};
    TRY(read(m, value));
    return value;
}

}  // namespace holm::systemd
