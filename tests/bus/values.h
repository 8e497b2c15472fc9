// Values: arguments of the right types and any values, for methods as holmd describes them. Pure but for the message that is filled.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <systemd/sd-bus.h>

#include "base/fd.h"
#include "base/text.h"

namespace holm::test {

// Its name, and the signature of what goes in.
using Method = std::pair<std::string, std::string>;

// All of an interface, in the text of an introspection.
inline std::vector<Method> methods_of(std::string_view text, std::string_view interface)
{
    std::vector<Method> all;
    const size_t begin = text.find(fmt::format("<interface name=\"{}\">", interface));
    if (begin == text.npos) return all;
    std::string_view rest = text.substr(begin, text.find("</interface>", begin) - begin);
    auto value_of = [](std::string_view line, std::string_view key) {
        const size_t at = line.find(fmt::format("{}=\"", key)) + key.size() + 2;
        return std::string(line.substr(at, line.find('"', at) - at));
    };
    for (std::string_view line : split(rest, '\n')) {
        line = trim(line);
        if (line.starts_with("<method")) all.emplace_back(value_of(line, "name"), "");
        if (line.starts_with("<arg") && !all.empty() && line.contains("direction=\"in\"")) all.back().second += value_of(line, "type");
    }
    return all;
}

// Fills a message by a signature.
class Values {
public:
    Values(uint64_t seed, std::vector<std::string> texts) : random_(seed), texts_(std::move(texts)) {}

    void fill(sd_bus_message* message, std::string_view signature)
    {
        while (!signature.empty()) {
            const size_t length = complete(signature);
            append(message, signature.substr(0, length));
            signature.remove_prefix(length);
        }
    }

private:
    uint64_t number() { return random_() % 3 == 0 ? random_() : random_() % 4; }

    static size_t complete(std::string_view signature)
    {
        if (signature[0] == 'a') return 1 + complete(signature.substr(1));
        if (signature[0] != '(' && signature[0] != '{') return 1;
        size_t depth = 0, at = 0;
        do {
            if (signature[at] == '(' || signature[at] == '{') ++depth;
            if (signature[at] == ')' || signature[at] == '}') --depth;
            ++at;
        } while (depth);
        return at;
    }

    std::string text()
    {
        if (random_() % 16 == 0) return std::string(random_() % 70000, 'x');
        return texts_[random_() % texts_.size()];
    }

    void append(sd_bus_message* message, std::string_view type)
    {
        const std::string inner(type.substr(type.size() > 1 ? 1 : 0, type.size() > 1 ? type.size() - 1 : 0));
        switch (type[0]) {
        case 's': sd_bus_message_append(message, "s", text().c_str()); return;
        case 'o': sd_bus_message_append(message, "o", "/org/holm1/job/1"); return;
        case 'b': sd_bus_message_append(message, "b", static_cast<int>(random_() % 2)); return;
        case 'i': sd_bus_message_append(message, "i", static_cast<int32_t>(number())); return;
        case 'u': sd_bus_message_append(message, "u", static_cast<uint32_t>(number())); return;
        case 't': sd_bus_message_append(message, "t", number()); return;
        case 'h': {
            auto pipe = make_pipe();
            sd_bus_message_append(message, "h", pipe ? pipe->first.get() : 0);
            return;
        }
        case 'v': {
            const char* kinds[] = {"s", "b", "u", "t", "as"};
            const char* kind = kinds[random_() % 5];
            sd_bus_message_open_container(message, 'v', kind);
            fill(message, kind);
            sd_bus_message_close_container(message);
            return;
        }
        case 'a': {
            sd_bus_message_open_container(message, 'a', inner.c_str());
            for (uint64_t i = random_() % (inner == "h" ? 4 : 6); i > 0; --i) append(message, inner);
            sd_bus_message_close_container(message);
            return;
        }
        case '(':
        case '{': {
            const std::string members = inner.substr(0, inner.size() - 1);
            sd_bus_message_open_container(message, type[0] == '(' ? 'r' : 'e', members.c_str());
            fill(message, members);
            sd_bus_message_close_container(message);
            return;
        }
        default: ADD_FAILURE() << "a type that nobody fills: " << type;
        }
    }

    std::mt19937_64 random_;
    std::vector<std::string> texts_;
};

}  // namespace holm::test
