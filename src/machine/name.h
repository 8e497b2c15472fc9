// MachineName: a name that systemd-machined accepts (hostname_is_valid of systemd 252, at most 64 bytes). Pure.
#pragma once

#include <compare>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::machine {

// Letters, digits, `-` and `.`; 1 to 64 bytes; no empty label; no label that begins or ends with `-`. Never needs
// escaping in a unit name. ".host" and "host" are refused as machined refuses the first and users mistake the second.
class MachineName {
public:
    MachineName() = default;  // empty: only as a placeholder in a struct that is filled later
    const std::string& text() const { return text_; }
    auto operator<=>(const MachineName&) const = default;

private:
    friend Result<MachineName> parse_name(std::string_view);
    std::string text_;
};

// Errors: Invalid, with the rule that is broken.
Result<MachineName> parse_name(std::string_view text);

// A valid name made of any text (the last component of a root's path): other bytes become `-`; "" becomes "machine".
std::string name_from_text(std::string_view text, size_t limit = 64);

}  // namespace holm::machine
