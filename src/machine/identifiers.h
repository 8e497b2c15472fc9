// The words that a definition may use for things of others: users, hosts, interfaces, units, capabilities … Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/error.h"

namespace holm::machine {

// Errors of every parse_ here: Invalid, "'x' is no …: RULE".

// Whether the text has a byte below 0x20 or DEL.
bool has_control(std::string_view text);

// Text of one line: no control characters, at most 1024 bytes.
Result<std::string> parse_line(std::string_view text);

// A user of the payload: NAME, UID, or either with `:` and a group. Decimal ids up to 4294967294 only.
Result<std::string> parse_user(std::string_view text);
// A user's name on the host (owner): no number.
Result<std::string> parse_user_name(std::string_view text);

// A host name of hostname(7): labels of letters, digits and inner `-`, at most 64 bytes.
Result<std::string> parse_hostname(std::string_view text);

// A network interface: 1 to 15 bytes, no space, `/`, `:`, `%`, no number, not "." and "..", "all", "default".
Result<std::string> parse_interface(std::string_view text);

// A whole unit name, as unit_name_is_valid of systemd takes it, no template; or "machine:NAME", which becomes
// "holm@NAME.service".
Result<std::string> parse_unit(std::string_view text);
Result<std::string> parse_slice(std::string_view text);
// "machine-shop.slice" of that or of "shop".
Result<std::string> parse_group(std::string_view text);
// Whether the slice is `group`, or below it: of names that parse_slice has taken.
bool is_in_group(std::string_view slice, std::string_view group);

// A profile, an image, a volume, a credential: a file's name of letters, digits and `. _ - + @ :`, no dot in front, at most 128.
Result<std::string> parse_file_name(std::string_view text);

// A variable's name: letters, digits, `_`, no digit in front.
Result<std::string> parse_variable_name(std::string_view text);
// What execve(2) takes as one string: no NUL, less than 128 KiB (MAX_ARG_STRLEN).
Result<std::string> parse_argument(std::string_view text);

// A label's key: letters, digits and `. _ - /`, 1 to 64 bytes.
Result<std::string> parse_label_key(std::string_view text);

// "CAP_CHOWN", …: the index is the number (linux/capability.h, up to Linux 5.9: 41 of them).
std::span<const std::string_view> capability_names();
// "CAP_NET_ADMIN", from any case, with or without CAP_.
Result<std::string> parse_capability(std::string_view text);

// 32 hex digits, not all zero, as lower case.
Result<std::string> parse_machine_id(std::string_view text);

// A system call's name, or a group's with `@` before it.
Result<std::string> parse_syscall(std::string_view text);

// A device: a path below /dev, and `:` with letters of "rwm" behind it where not all.
Result<std::string> parse_device(std::string_view text);
// Of one that parse_device has taken: "/dev/fuse:rwm"; without letters "rw".
struct DeviceText {
    std::string path, access;
};
DeviceText split_device(std::string_view text);

// A name of /proc/sys: parts of letters, digits, `_`, `-` with dots between them.
Result<std::string> parse_sysctl_name(std::string_view text);

}  // namespace holm::machine
