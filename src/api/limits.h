// What one caller may ask of holmd at once: bounds that keep a bad client from holding up the others. Pure.
#pragma once

#include <cstddef>

namespace holm::api {

inline constexpr size_t max_definition = 256 << 10;     // bytes of a definition
inline constexpr size_t max_command_bytes = 128 << 10;  // all arguments and environment of an Exec: below kernel::max_message
inline constexpr size_t max_command_strings = 4096;     // arguments and environment of an Exec
inline constexpr size_t max_pending_per_sender = 256;   // calls of one connection that await an answer
inline constexpr size_t max_pending = 4096;             // calls of all
inline constexpr unsigned max_terminal_size = 65535;    // rows or columns: what ioctl_tty(2) can say

}  // namespace holm::api
