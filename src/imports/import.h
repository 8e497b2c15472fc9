// Definitions made of other programs' files: what they all have. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "machine/spec.h"

namespace holm::imports {

// A setting that is not in the definition.
struct Dropped {
    std::string setting;  // "[Exec] PivotRoot=/a"
    std::string reason;
    bool operator==(const Dropped&) const = default;
};

struct Imported {
    machine::Spec spec;
    std::vector<Dropped> dropped;

    void drop(std::string setting, std::string_view reason) { dropped.push_back({std::move(setting), std::string(reason)}); }
    // Puts the value where it belongs, or into `dropped` with why it is none.
    template <typename T>
    bool take(const std::string& setting, Result<T> value, auto&& put)
    {
        if (value) put(std::move(*value));
        else drop(setting, value.error().text);
        return value.has_value();
    }
};

// The words of a line as a shell or systemd has them: quotes and backslashes taken off. Errors: Invalid, an open quote.
Result<std::vector<std::string>> split_words(std::string_view line);
// "yes", "true", "on", "1" and their opposites. Errors: Invalid.
Result<bool> parse_flag(std::string_view text);
// "K=V". Errors: Invalid.
Result<std::pair<std::string, std::string>> parse_variable(std::string_view text);
// A name that a machine may have, made of any text; "machine" where nothing is left.
machine::MachineName name_made_of(std::string_view text);
// A resource property, checked as a definition's.
void take_resource(Imported& into, const std::string& setting, const std::string& name, const std::string& value);
void take_mount(Imported& into, const std::string& setting, machine::MountSpec mount);
void take_capabilities(Imported& into, const std::string& setting, const std::vector<std::string>& names, bool add);
// The network of the machine; one that has been made already is left as it is.
machine::NetworkSpec& first_network(Imported& into, std::string_view network);

}  // namespace holm::imports
