#include "machine/identifiers.h"

#include <algorithm>
#include <array>
#include <span>

#include "base/text.h"
#include "machine/name.h"

namespace holm::machine {

namespace {

constexpr bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
constexpr bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

bool only(std::string_view text, std::string_view others)
{
    return std::ranges::all_of(text, [&](char c) { return is_letter(c) || is_digit(c) || others.find(c) != others.npos; });
}

Error bad(std::string_view text, std::string_view what, std::string_view rule)
{
    return error(Errc::Invalid, "'{}' is no {}: {}", printable(text, 80), what, rule);
}

constexpr uint64_t highest_id = UINT32_MAX - 1;  // -1 means "no change" to chown(2) and setresuid(2)

bool is_user_name(std::string_view text)
{
    return !text.empty() && text.size() <= 256 && (is_letter(text[0]) || text[0] == '_') && only(text, "_.-");
}

bool is_user_or_id(std::string_view text)
{
    return is_user_name(text) || parse_number(text, highest_id);
}

constexpr std::string_view unit_suffixes[] = {".service", ".socket", ".device", ".mount", ".automount", ".swap",
                                              ".target",  ".path",   ".timer",  ".slice", ".scope"};

constexpr std::array<std::string_view, 41> capabilities = {"CAP_CHOWN",
                                                           "CAP_DAC_OVERRIDE",
                                                           "CAP_DAC_READ_SEARCH",
                                                           "CAP_FOWNER",
                                                           "CAP_FSETID",
                                                           "CAP_KILL",
                                                           "CAP_SETGID",
                                                           "CAP_SETUID",
                                                           "CAP_SETPCAP",
                                                           "CAP_LINUX_IMMUTABLE",
                                                           "CAP_NET_BIND_SERVICE",
                                                           "CAP_NET_BROADCAST",
                                                           "CAP_NET_ADMIN",
                                                           "CAP_NET_RAW",
                                                           "CAP_IPC_LOCK",
                                                           "CAP_IPC_OWNER",
                                                           "CAP_SYS_MODULE",
                                                           "CAP_SYS_RAWIO",
                                                           "CAP_SYS_CHROOT",
                                                           "CAP_SYS_PTRACE",
                                                           "CAP_SYS_PACCT",
                                                           "CAP_SYS_ADMIN",
                                                           "CAP_SYS_BOOT",
                                                           "CAP_SYS_NICE",
                                                           "CAP_SYS_RESOURCE",
                                                           "CAP_SYS_TIME",
                                                           "CAP_SYS_TTY_CONFIG",
                                                           "CAP_MKNOD",
                                                           "CAP_LEASE",
                                                           "CAP_AUDIT_WRITE",
                                                           "CAP_AUDIT_CONTROL",
                                                           "CAP_SETFCAP",
                                                           "CAP_MAC_OVERRIDE",
                                                           "CAP_MAC_ADMIN",
                                                           "CAP_SYSLOG",
                                                           "CAP_WAKE_ALARM",
                                                           "CAP_BLOCK_SUSPEND",
                                                           "CAP_AUDIT_READ",
                                                           "CAP_PERFMON",
                                                           "CAP_BPF",
                                                           "CAP_CHECKPOINT_RESTORE"};

}  // namespace

bool has_control(std::string_view text)
{
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<std::string> parse_line(std::string_view text)
{
    if (text.size() > 1024 || has_control(text)) return bad(text, "line of text", "at most 1024 bytes without control characters");
    return std::string(text);
}

Result<std::string> parse_user(std::string_view text)
{
    size_t colon = text.find(':');
    bool good = is_user_or_id(text.substr(0, colon)) && (colon == text.npos || is_user_or_id(text.substr(colon + 1)));
    if (!good) return bad(text, "user", "a name or a decimal id up to 4294967294, and ':' with a group if wanted");
    return std::string(text);
}

Result<std::string> parse_user_name(std::string_view text)
{
    if (!is_user_name(text)) return bad(text, "user's name", "letters, digits, '_', '.' and '-', a letter or '_' in front");
    return std::string(text);
}

Result<std::string> parse_hostname(std::string_view text)
{
    if (auto name = parse_name(text); !name && text != "host" && text != "self")
        return bad(text, "host name", "labels of letters, digits and inner '-', at most 64 bytes");
    return std::string(text);
}

Result<std::string> parse_interface(std::string_view text)
{
    constexpr std::string_view reserved[] = {".", "..", "all", "default"};
    bool clean = std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f && c != '/' && c != ':' && c != '%'; });
    bool number = std::ranges::all_of(text, is_digit);
    if (text.empty() || text.size() > 15 || !clean || number || std::ranges::find(reserved, text) != std::end(reserved))
        return bad(text, "name of an interface", "1 to 15 bytes without spaces, '/', ':' and '%', not a number");
    return std::string(text);
}

Result<std::string> parse_unit(std::string_view text)
{
    if (text.starts_with("machine:")) return fmt::format("holm@{}.service", TRY(parse_name(text.substr(8))).text());
    size_t dot = std::min(text.rfind('.'), text.size());
    std::string_view stem = text.substr(0, dot), suffix = text.substr(dot);
    bool known = std::ranges::find(unit_suffixes, suffix) != std::end(unit_suffixes);
    if (stem.empty() || text.size() > 255 || !known || !only(stem, ":-_.\\@") || stem.front() == '@' || stem.back() == '@')
        return bad(text, "unit", "a whole name such as 'nginx.service', or 'machine:NAME'");
    return std::string(text);
}

Result<std::string> parse_slice(std::string_view text)
{
    constexpr std::string_view suffix = ".slice";
    std::string_view stem = text.ends_with(suffix) ? text.substr(0, text.size() - suffix.size()) : std::string_view();
    bool dashes = stem.starts_with('-') || stem.ends_with('-') || stem.find("--") != stem.npos;
    if (stem.empty() || dashes || stem.find('@') != stem.npos || !parse_unit(text))
        return bad(text, "slice", "a name such as 'machine-shop.slice', no '-' at an edge or twice");
    return std::string(text);
}

Result<std::string> parse_group(std::string_view text)
{
    return parse_slice(text.ends_with(".slice") ? std::string(text) : fmt::format("machine-{}.slice", text));
}

bool is_in_group(std::string_view slice, std::string_view group)
{
    const std::string_view stem = group.substr(0, group.size() - std::string_view(".slice").size());
    return slice == group || (slice.starts_with(stem) && slice.substr(stem.size()).starts_with('-'));
}

Result<std::string> parse_file_name(std::string_view text)
{
    if (text.empty() || text.size() > 128 || text[0] == '.' || text[0] == '-' || !only(text, "._-+@:"))
        return bad(text, "name", "letters, digits and any of '._-+@:', neither '.' nor '-' in front, at most 128 bytes");
    return std::string(text);
}

Result<std::string> parse_variable_name(std::string_view text)
{
    if (text.empty() || text.size() > 1024 || is_digit(text[0]) || !only(text, "_"))
        return bad(text, "variable's name", "letters, digits and '_', no digit in front");
    return std::string(text);
}

Result<std::string> parse_argument(std::string_view text)
{
    constexpr size_t longest = 128 << 10;  // MAX_ARG_STRLEN of binfmts.h, with the NUL
    if (text.find('\0') != text.npos) return bad(text, "argument", "it has a NUL");
    if (text.size() >= longest) return bad(text, "argument", "it is not shorter than 128 KiB");
    return std::string(text);
}

Result<std::string> parse_label_key(std::string_view text)
{
    if (text.empty() || text.size() > 64 || !only(text, "._-/")) return bad(text, "label", "1 to 64 letters, digits and any of '._-/'");
    return std::string(text);
}

std::span<const std::string_view> capability_names()
{
    return capabilities;
}

Result<std::string> parse_capability(std::string_view text)
{
    std::string name(text);
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
    if (!name.starts_with("CAP_")) name.insert(0, "CAP_");
    if (std::ranges::find(capabilities, name) != capabilities.end()) return name;
    return error(Errc::Invalid, "'{}' is no capability{}", printable(text, 80), did_you_mean(name, capabilities));
}

Result<std::string> parse_machine_id(std::string_view text)
{
    std::string id(text);
    std::ranges::transform(id, id.begin(), [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
    bool hex = id.find_first_not_of("0123456789abcdef") == id.npos, zero = id.find_first_not_of('0') == id.npos;
    if (id.size() != 32 || !hex || zero) return bad(text, "machine id", "keep, fresh, derived or 32 hex digits, not all zero");
    return id;
}

Result<std::string> parse_syscall(std::string_view text)
{
    std::string_view name = text.starts_with('@') ? text.substr(1) : text;
    if (name.empty() || name.size() > 64 || !only(name, "_-")) return bad(text, "system call", "a name, or '@' and a group");
    return std::string(text);
}

Result<std::string> parse_device(std::string_view text)
{
    size_t colon = std::min(text.rfind(':'), text.size());
    std::string_view path = text.substr(0, colon), access = text.substr(std::min(colon + 1, text.size()));
    bool good = path.starts_with("/dev/") && path.size() > 5 && path.size() < 4096 && !has_control(path) && path.find("/..") == path.npos;
    if (colon < text.size()) good = good && !access.empty() && access.size() <= 3 && access.find_first_not_of("rwm") == access.npos;
    if (!good) return bad(text, "device", "a path below /dev, and ':' with letters of 'rwm' if not all");
    return std::string(text);
}

DeviceText split_device(std::string_view text)
{
    size_t colon = text.rfind(':');
    if (colon == text.npos) return {std::string(text), "rw"};
    return {std::string(text.substr(0, colon)), std::string(text.substr(colon + 1))};
}

Result<std::string> parse_sysctl_name(std::string_view text)
{
    auto parts = split(text, '.');
    bool good = parts.size() > 1 && text.size() <= 256;
    for (std::string_view part : parts) good = good && !part.empty() && only(part, "_-");
    if (!good) return bad(text, "kernel parameter", "a name such as 'net.core.somaxconn'");
    return std::string(text);
}

}  // namespace holm::machine
