#include "kernel/message.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <charconv>
#include <cstring>
#include <memory>

namespace holm::kernel {

Message& Message::add(std::string_view key, std::string_view value)
{
    fields.emplace_back(key, value);
    return *this;
}

Message& Message::add(std::string_view key, int64_t value)
{
    return add(key, std::string_view(fmt::format("{}", value)));
}

std::string_view Message::get(std::string_view key) const
{
    for (auto& [name, value] : fields)
        if (name == key) return value;
    return {};
}

bool Message::has(std::string_view key) const
{
    for (auto& [name, value] : fields)
        if (name == key) return true;
    return false;
}

std::optional<int64_t> Message::get_number(std::string_view key) const
{
    std::string_view text = get(key);
    int64_t number = 0;
    auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || failure != std::errc() || end != text.data() + text.size()) return {};
    return number;
}

std::vector<std::string> Message::get_all(std::string_view key) const
{
    std::vector<std::string> values;
    for (auto& [name, value] : fields)
        if (name == key) values.push_back(value);
    return values;
}

Message error_message(const Error& error)
{
    Message message("error");
    message.add("code", static_cast<int64_t>(error.code)).add("errno", error.sys_errno).add("text", error.text);
    return message;
}

Error error_of(const Message& message)
{
    int64_t code = message.get_number("code").value_or(static_cast<int64_t>(Errc::Failed));
    if (code < 0 || code > static_cast<int64_t>(Errc::Failed)) code = static_cast<int64_t>(Errc::Failed);
    return {static_cast<Errc>(code), static_cast<int>(message.get_number("errno").value_or(0)), std::string(message.get("text"))};
}

namespace {

Result<> send_packet(int socket, std::string_view bytes, std::span<const int> fds)
{
    iovec part{const_cast<char*>(bytes.data()), bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(max_fds * sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (!fds.empty()) {
        header.msg_control = control.data();
        header.msg_controllen = CMSG_SPACE(fds.size_bytes());
        cmsghdr* rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fds.size_bytes());
        memcpy(CMSG_DATA(rights), fds.data(), fds.size_bytes());
    }
    while (::sendmsg(socket, &header, MSG_NOSIGNAL) < 0) {
        if (errno == EINTR) continue;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) return error(Errc::Unavailable, "the other side is gone");
        return sys_error("cannot send a message");
    }
    return {};
}

// The strings between NULs; each must be terminated.
Result<Message> parse_message(std::string_view bytes)
{
    Message message;
    std::vector<std::string_view> strings;
    while (!bytes.empty()) {
        size_t end = bytes.find('\0');
        if (end == bytes.npos) return error(Errc::Invalid, "malformed message: a string has no end");
        strings.push_back(bytes.substr(0, end));
        bytes.remove_prefix(end + 1);
    }
    if (strings.size() % 2 != 1) return error(Errc::Invalid, "malformed message: a key has no value");
    message.kind = strings[0];
    for (size_t i = 1; i < strings.size(); i += 2) message.add(strings[i], strings[i + 1]);
    return message;
}

}  // namespace

Result<> send_message(int socket, const Message& message, std::initializer_list<int> extra)
{
    std::string bytes = "m";
    auto put = [&](std::string_view text) {
        bytes += text;
        bytes += '\0';
        return text.find('\0') == text.npos;
    };
    bool clean = put(message.kind);
    for (auto& [key, value] : message.fields) clean = put(key) && put(value) && clean;
    if (!clean) return error(Errc::Invalid, "a field of the message '{}' holds a NUL byte", message.kind);
    if (bytes.size() > max_message) return error(Errc::Invalid, "the message '{}' is larger than {} bytes", message.kind, max_message);
    std::vector<int> fds;
    for (const Fd& fd : message.fds) fds.push_back(fd.get());
    fds.insert(fds.end(), extra.begin(), extra.end());
    if (fds.size() > max_fds) return error(Errc::Invalid, "the message '{}' has more than {} descriptors", message.kind, max_fds);
    return send_packet(socket, bytes, fds);
}

Result<> send_data(int socket, std::string_view bytes)
{
    std::string frame = "d";
    frame += bytes.substr(0, max_data);
    return send_packet(socket, frame, {});
}

Result<Packet> receive_packet(int socket)
{
    // Not filled: the pages that no message has reached cost nothing, which counts in a supervisor.
    static thread_local const std::unique_ptr<char[]> buffer(new char[max_message]);
    iovec part{buffer.get(), max_message};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(max_fds * sizeof(int))> control;
    msghdr header{};
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ssize_t size;
    while ((size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC)) < 0) {
        if (errno == EINTR) continue;
        if (errno == ECONNRESET) return Packet(EndOfStream{});
        return sys_error("cannot receive a message");
    }
    std::vector<Fd> fds;
    for (cmsghdr* item = CMSG_FIRSTHDR(&header); item; item = CMSG_NXTHDR(&header, item)) {
        if (item->cmsg_level != SOL_SOCKET || item->cmsg_type != SCM_RIGHTS) continue;
        for (size_t i = 0, count = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int); i < count; ++i) {
            int fd;
            memcpy(&fd, CMSG_DATA(item) + i * sizeof fd, sizeof fd);
            fds.emplace_back(fd);
        }
    }
    if (size == 0) return Packet(EndOfStream{});
    if (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) return error(Errc::Invalid, "a message is too large or has too many descriptors");
    std::string_view bytes(buffer.get(), static_cast<size_t>(size));
    if (bytes[0] == 'd') return Packet(Data{std::string(bytes.substr(1))});
    if (bytes[0] != 'm') return error(Errc::Invalid, "malformed message: unknown frame");
    auto message = parse_message(bytes.substr(1));
    if (!message) return message.error();
    message->fds = std::move(fds);
    return Packet(std::move(*message));
}

Result<Message> receive_message(int socket, int timeout_ms)
{
    if (timeout_ms >= 0) {
        pollfd waiting{socket, POLLIN, 0};
        int ready;
        while ((ready = ::poll(&waiting, 1, timeout_ms)) < 0 && errno == EINTR) {}
        if (ready < 0) return sys_error("cannot wait for a message");
        if (ready == 0) return error(Errc::Timeout, "no answer within {} ms", timeout_ms);
    }
    Packet packet = TRY(receive_packet(socket));
    if (std::holds_alternative<EndOfStream>(packet)) return error(Errc::Unavailable, "the other side is gone");
    if (auto* message = std::get_if<Message>(&packet)) return std::move(*message);
    return error(Errc::Invalid, "bytes where a message was expected");
}

}  // namespace holm::kernel
