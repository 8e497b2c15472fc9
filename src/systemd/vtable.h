// Vtable: a D-Bus interface made of typed member functions. The arguments of a handler are the method's signature:
//   class Manager { void start(Call call, std::string name); };
//   VtableBuilder<Manager, Call>().method<&Manager::start>("StartMachine", "name", "o", "job")
// `Call` is what a handler answers with; it is made of the message by Object::receive(message), an empty one: refused, answered.
// Pure, but for what the handlers do.
#pragma once

#include <list>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <systemd/sd-bus.h>

#include "systemd/message.h"

namespace holm::systemd {

enum class Changes { Const, Emitted, Silent };

template <typename Object, typename Call>
class VtableBuilder {
public:
    VtableBuilder()
    {
        sd_bus_vtable start{};
        start.type = _SD_BUS_VTABLE_START;
        start.x.start.element_size = sizeof(sd_bus_vtable);
        start.x.start.features = _SD_BUS_VTABLE_PARAM_NAMES;
        start.x.start.vtable_format_reference = &sd_bus_object_vtable_format;
        rows_.push_back(start);
    }

    // `arguments` and `result_names` are words separated by blanks; `result` is a signature.
    template <auto handler>
    VtableBuilder& method(const char* name, const std::string& arguments, const std::string& result = "",
                          const std::string& result_names = "")
    {
        sd_bus_vtable row{};
        row.type = _SD_BUS_VTABLE_METHOD;
        row.flags = SD_BUS_VTABLE_UNPRIVILEGED;  // who may is decided by the handler
        row.x.method.member = name;
        row.x.method.signature = keep(input_of(handler));
        row.x.method.result = keep(result);
        row.x.method.handler = handle<handler>;
        row.x.method.names = names(arguments + " " + result_names);
        rows_.push_back(row);
        return *this;
    }

    // `getter` gives the value as one of the types of systemd/message.
    template <auto getter>
    VtableBuilder& property(const char* name, Changes changes)
    {
        using Value = std::decay_t<decltype((std::declval<Object&>().*getter)(std::declval<const char*>()))>;
        sd_bus_vtable row{};
        row.type = _SD_BUS_VTABLE_PROPERTY;
        switch (changes) {
        case Changes::Const: row.flags = SD_BUS_VTABLE_PROPERTY_CONST; break;
        case Changes::Emitted: row.flags = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE; break;
        case Changes::Silent: break;
        }
        row.x.property.member = name;
        row.x.property.signature = keep(signature_of<Value>());
        row.x.property.get = get<getter>;
        rows_.push_back(row);
        return *this;
    }

    VtableBuilder& signal(const char* name, const std::string& signature, const std::string& argument_names)
    {
        sd_bus_vtable row{};
        row.type = _SD_BUS_VTABLE_SIGNAL;
        row.x.signal.member = name;
        row.x.signal.signature = keep(signature);
        row.x.signal.names = names(argument_names);
        rows_.push_back(row);
        return *this;
    }

    // The table, valid as long as this builder.
    const sd_bus_vtable* finish()
    {
        sd_bus_vtable end{};
        end.type = _SD_BUS_VTABLE_END;
        rows_.push_back(end);
        return rows_.data();
    }

private:
    template <typename... Arguments>
    static std::string input_of(void (Object::*)(Call, Arguments...))
    {
        return (signature_of<std::decay_t<Arguments>>() + ... + std::string());
    }

    template <typename... Arguments>
    static void decode(Object& object, Call call, sd_bus_message* message, void (Object::*handler)(Call, Arguments...))
    {
        std::tuple<std::decay_t<Arguments>...> values;
        auto read_values = [&](auto&... value) { return read_all_of(message, value...); };
        if (auto read = std::apply(read_values, values); !read) return call.fail(read.error());
        std::apply([&](auto&... value) { (object.*handler)(std::move(call), std::move(value)...); }, values);
    }

    template <auto handler>
    static int handle(sd_bus_message* message, void* object, sd_bus_error*) noexcept
    {
        auto& self = *static_cast<Object*>(object);
        if (std::optional<Call> call = self.receive(message)) decode(self, std::move(*call), message, handler);
        return 1;
    }

    template <auto getter>
    static int get(sd_bus*, const char* path, const char*, const char*, sd_bus_message* message, void* object, sd_bus_error*) noexcept
    {
        auto value = (static_cast<Object*>(object)->*getter)(path);
        return append(message, value) ? 1 : -ENOMEM;
    }

    const char* keep(std::string text) { return texts_.emplace_back(std::move(text)).c_str(); }

    // "name\0machine\0", as sd-bus wants the names.
    const char* names(const std::string& words)
    {
        std::string packed;
        for (size_t at = 0; at < words.size();) {
            const size_t end = std::min(words.find(' ', at), words.size());
            if (end > at) packed += words.substr(at, end - at) + '\0';
            at = end + 1;
        }
        return keep(packed + '\0');
    }

    std::vector<sd_bus_vtable> rows_;
    std::list<std::string> texts_;
};

}  // namespace holm::systemd
