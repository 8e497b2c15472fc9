#include "kernel/netlink.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <optional>

#include "base/text.h"

namespace holm::kernel {

namespace {

constexpr size_t buffer_size = 32 << 10;  // what the kernel fills at most with one part of a list
constexpr int list_attempts = 10;

// The next message of what was received, cut off from it; none at its end or where it is no message.
std::optional<std::pair<nlmsghdr, std::string_view>> next_message(std::string_view& bytes)
{
    nlmsghdr header;
    if (bytes.size() < sizeof header) return {};
    memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return {};
    std::string_view body = bytes.substr(sizeof header, header.nlmsg_len - sizeof header);
    bytes.remove_prefix(std::min<size_t>(NLMSG_ALIGN(header.nlmsg_len), bytes.size()));
    return {{header, body}};
}

// The errno of an acknowledgement, 0 where all went well, and with what words the kernel refuses.
std::pair<int, std::string> read_acknowledgement(const nlmsghdr& header, std::string_view body)
{
    nlmsgerr answer{};
    if (body.size() < sizeof answer) return {EPROTO, ""};
    memcpy(&answer, body.data(), sizeof answer);
    if (answer.error > 0 || answer.error < -4095) return {EPROTO, ""};  // MAX_ERRNO of the kernel
    if (!(header.nlmsg_flags & NLM_F_ACK_TLVS)) return {-answer.error, ""};
    size_t echoed = header.nlmsg_flags & NLM_F_CAPPED ? 0 : NLMSG_ALIGN(answer.msg.nlmsg_len) - sizeof(nlmsghdr);
    if (body.size() < sizeof answer + echoed) return {-answer.error, ""};
    return {-answer.error, NetlinkAttributes(body.substr(sizeof answer + echoed)).text(NLMSGERR_ATTR_MSG)};
}

Error refusal(const NetlinkRequest& request, int number, const std::string& words)
{
    if (words.empty()) return errno_error(number, "{}", request.what());
    return errno_error(number, "{} ({})", request.what(), printable(words));
}

}  // namespace

void NetlinkRequest::append(std::string_view bytes)
{
    bytes_ += bytes;
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
}

void NetlinkRequest::put_bytes(uint16_t attribute, std::string_view bytes)
{
    append(bytes_of(nlattr{.nla_len = static_cast<uint16_t>(NLA_HDRLEN + bytes.size()), .nla_type = attribute}));
    append(bytes);
}

NetlinkRequest& NetlinkRequest::put(uint16_t attribute, std::span<const uint8_t> value)
{
    put_bytes(attribute, {reinterpret_cast<const char*>(value.data()), value.size()});
    return *this;
}

NetlinkRequest& NetlinkRequest::put_text(uint16_t attribute, std::string_view text)
{
    put_bytes(attribute, std::string(text) + '\0');
    return *this;
}

size_t NetlinkRequest::begin_nest(uint16_t attribute, std::string_view head)
{
    size_t nest = bytes_.size();
    append(bytes_of(nlattr{.nla_len = 0, .nla_type = static_cast<uint16_t>(attribute | NLA_F_NESTED)}));
    append(head);
    return nest;
}

void NetlinkRequest::end_nest(size_t nest)
{
    auto length = static_cast<uint16_t>(bytes_.size() - nest);
    memcpy(bytes_.data() + nest + offsetof(nlattr, nla_len), &length, sizeof length);
}

std::string NetlinkRequest::bytes(uint32_t sequence, uint16_t flags) const
{
    std::string made = bytes_;
    nlmsghdr header{.nlmsg_len = static_cast<uint32_t>(bytes_.size()),
                    .nlmsg_type = type_,
                    .nlmsg_flags = static_cast<uint16_t>(flags_ | flags | NLM_F_REQUEST),
                    .nlmsg_seq = sequence,
                    .nlmsg_pid = 0};
    memcpy(made.data(), &header, sizeof header);
    return made;
}

template <typename Visitor>
void NetlinkAttributes::walk(Visitor goes_on) const
{
    for (std::string_view rest = bytes_; rest.size() >= sizeof(nlattr);) {
        nlattr header;
        memcpy(&header, rest.data(), sizeof header);
        if (header.nla_len < NLA_HDRLEN || header.nla_len > rest.size()) return;
        if (!goes_on(header.nla_type & NLA_TYPE_MASK, rest.substr(NLA_HDRLEN, header.nla_len - NLA_HDRLEN))) return;
        rest.remove_prefix(std::min<size_t>(NLA_ALIGN(header.nla_len), rest.size()));
    }
}

std::optional<std::string_view> NetlinkAttributes::find(uint16_t attribute) const
{
    std::optional<std::string_view> found;
    walk([&](uint16_t type, std::string_view value) {
        if (type == attribute) found = value;
        return !found;
    });
    return found;
}

std::vector<std::string_view> NetlinkAttributes::find_all(uint16_t attribute) const
{
    std::vector<std::string_view> found;
    walk([&](uint16_t type, std::string_view value) {
        if (type == attribute) found.push_back(value);
        return true;
    });
    return found;
}

std::string NetlinkAttributes::text(uint16_t attribute) const
{
    std::string_view bytes = find(attribute).value_or("");
    return std::string(bytes.substr(0, bytes.find('\0')));
}

Result<> Netlink::send(std::span<const NetlinkRequest> requests, uint16_t flags)
{
    std::string bytes;
    for (const NetlinkRequest& request : requests) bytes += request.bytes(++sequence_, flags);
    return send(bytes, requests.front());
}

Result<> Netlink::send(std::string_view bytes, const NetlinkRequest& first)
{
    if (::send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) return sys_error("{}", first.what());
    return {};
}

Result<std::string_view> Netlink::receive()
{
    buffer_.resize(buffer_size);
    ssize_t size;
    while ((size = ::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_TRUNC)) < 0 && errno == EINTR) {}
    if (size < 0) return sys_error("cannot read the kernel's answer");
    if (static_cast<size_t>(size) > buffer_.size()) return errno_error(EMSGSIZE, "cannot read the kernel's answer");
    return std::string_view(buffer_.data(), static_cast<size_t>(size));
}

Result<> Netlink::change(std::span<const NetlinkRequest> requests)
{
    if (requests.empty()) return {};
    const uint32_t first = sequence_ + 1;
    TRY(send(requests, NLM_F_ACK));
    std::optional<Error> failure;
    for (size_t answered = 0; answered < requests.size();) {
        std::string_view bytes = TRY(receive(), requests.front().what());
        while (auto message = next_message(bytes)) {
            size_t index = message->first.nlmsg_seq - first;
            if (message->first.nlmsg_type != NLMSG_ERROR || index >= requests.size()) continue;
            ++answered;
            auto [number, words] = read_acknowledgement(message->first, message->second);
            if (number && !failure) failure = refusal(requests[index], number, words);
        }
    }
    return failure ? Result<>(std::move(*failure)) : Result<>();
}

// What goes wrong with one is said of it, and of the whole by the number of its beginning; that all went well, by the last alone.
Result<> Netlink::transact(uint8_t subsystem, std::span<const NetlinkRequest> requests)
{
    if (requests.empty()) return {};
    const nfgenmsg head{.nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0, .res_id = htons(subsystem)};
    const uint32_t begin = ++sequence_;
    std::string bytes = NetlinkRequest(NFNL_MSG_BATCH_BEGIN, 0, head, "").bytes(begin, 0);
    for (const NetlinkRequest& request : requests) bytes += request.bytes(++sequence_, &request == &requests.back() ? NLM_F_ACK : 0);
    const uint32_t last = sequence_;
    bytes += NetlinkRequest(NFNL_MSG_BATCH_END, 0, head, "").bytes(++sequence_, 0);
    TRY(send(bytes, requests.front()));
    for (;;) {
        std::string_view answers = TRY(receive(), requests.front().what());
        while (auto message = next_message(answers)) {
            const uint32_t number = message->first.nlmsg_seq;
            if (message->first.nlmsg_type != NLMSG_ERROR || number < begin || number > last) continue;
            auto [failure, words] = read_acknowledgement(message->first, message->second);
            if (failure) return refusal(requests[number == begin ? 0 : number - begin - 1], failure, words);
            if (number == last) return {};
        }
    }
}

Result<> Netlink::ask(const NetlinkRequest& request, const Reader& reader)
{
    TRY(send({&request, 1}, NLM_F_ACK));
    for (;;) {
        std::string_view bytes = TRY(receive(), request.what());
        while (auto message = next_message(bytes)) {
            if (message->first.nlmsg_seq != sequence_) continue;
            if (message->first.nlmsg_type != NLMSG_ERROR) {
                reader({message->first.nlmsg_type, message->second});
                continue;
            }
            auto [number, words] = read_acknowledgement(message->first, message->second);
            return number ? Result<>(refusal(request, number, words)) : Result<>();
        }
    }
}

Result<> Netlink::list(const NetlinkRequest& request, const Reader& reader, const std::function<void()>& again)
{
    for (int attempt = 0; attempt < list_attempts; ++attempt) {
        again();
        TRY(send({&request, 1}, NLM_F_DUMP));
        bool done = false, interrupted = false;
        while (!done) {
            std::string_view bytes = TRY(receive(), request.what());
            while (auto message = next_message(bytes)) {
                if (message->first.nlmsg_seq != sequence_) continue;
                interrupted |= (message->first.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
                done = message->first.nlmsg_type == NLMSG_DONE || message->first.nlmsg_type == NLMSG_ERROR;
                if (!done) reader({message->first.nlmsg_type, message->second});
                if (message->first.nlmsg_type != NLMSG_ERROR) continue;
                auto [number, words] = read_acknowledgement(message->first, message->second);
                return refusal(request, number, words);
            }
        }
        if (!interrupted) return {};
    }
    return error(Errc::Busy, "{}: it changes faster than it can be read", request.what());
}

Result<Netlink> open_netlink(int protocol)
{
    Fd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (!socket) return sys_error("cannot make a netlink socket");
    const int on = 1;
    // Refused by no kernel that is supported, and without them errors are poorer and lists longer, no more.
    for (int option : {NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK})
        ::setsockopt(socket.get(), SOL_NETLINK, option, &on, sizeof on);
    return Netlink(std::move(socket));
}

Result<Netlink*> netfilter_socket()
{
    struct Kept {
        pid_t process;
        ino_t network_namespace;
        Netlink socket;
    };
    static std::optional<Kept> kept;
    struct stat here;
    if (::stat("/proc/self/ns/net", &here)) return sys_error("cannot look at the network namespace");
    if (!kept || kept->process != ::getpid() || kept->network_namespace != here.st_ino) {
        Netlink opened = TRY(open_netlink(NETLINK_NETFILTER), "firewall");
        kept.emplace(::getpid(), here.st_ino, std::move(opened));
    }
    return &kept->socket;
}

Result<Netlink> open_netlink_in(int network_namespace)
{
    Fd own = TRY(open_file("/proc/self/ns/net", O_RDONLY));
    if (::setns(network_namespace, CLONE_NEWNET)) return sys_error("cannot enter a network namespace");
    auto opened = open_netlink();
    if (::setns(own.get(), CLONE_NEWNET)) return sys_error("cannot come back from a network namespace");
    return opened;
}

}  // namespace holm::kernel
