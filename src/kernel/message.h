// Message: what holm's own programs say to each other over AF_UNIX SOCK_SEQPACKET sockets: a kind, fields, descriptors;
// and frames of raw bytes beside them. One packet each, bounded, checked at receipt. Effects: sends and receives.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

inline constexpr size_t max_message = 192 << 10;  // bytes of one packet; below net.core.wmem_default (212992)
inline constexpr size_t max_data = 64 << 10;      // bytes of one data frame
inline constexpr size_t max_fds = 8;

// On the wire: 'm' KIND NUL (KEY NUL VALUE NUL)*. No string holds a NUL. Keys repeat for lists; unknown keys are ignored
// by the receiver, so that a supervisor and a newer holm-setup understand each other.
struct Message {
    std::string kind;
    std::vector<std::pair<std::string, std::string>> fields;
    std::vector<Fd> fds;

    Message() = default;
    explicit Message(std::string_view kind_) : kind(kind_) {}
    Message& add(std::string_view key, std::string_view value);
    Message& add(std::string_view key, int64_t value);
    std::string_view get(std::string_view key) const;  // "" where absent; the first where repeated
    bool has(std::string_view key) const;
    std::optional<int64_t> get_number(std::string_view key) const;
    std::vector<std::string> get_all(std::string_view key) const;
};

// A frame of raw bytes: 'd' and the bytes.
struct Data {
    std::string bytes;
};

struct EndOfStream {};

using Packet = std::variant<Message, Data, EndOfStream>;

// An Error as the message "error" {code, errno, text}, and back.
Message error_message(const Error& error);
Error error_of(const Message& message);

// Errors: Invalid (a NUL in a field, too large), Busy (a non-blocking socket is full), Unavailable (the peer is gone: EPIPE).
// The descriptors of the message stay open here; `extra` are further descriptors sent after message.fds, borrowed.
Result<> send_message(int socket, const Message& message, std::initializer_list<int> extra = {});
Result<> send_data(int socket, std::string_view bytes);

// Errors: Busy (nothing there on a non-blocking socket), Invalid (malformed packet).
Result<Packet> receive_packet(int socket);
// A Message, waiting at most `timeout_ms` (-1: for ever). Errors: Timeout, Unavailable (end of stream), Invalid (not a message).
Result<Message> receive_message(int socket, int timeout_ms = -1);

}  // namespace holm::kernel
