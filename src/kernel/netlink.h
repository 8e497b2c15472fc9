// Netlink: the transport of rtnetlink(7) and its kin: requests built attribute by attribute, sent in one system call, answered before it
// returns. Effects. Not libnl: linked statically it brings the C library's resolver into the programs of the start path.
#pragma once

#include <linux/netlink.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/fd.h"

namespace holm::kernel {

// A request as it is sent. `what` is said before the kernel's reason when it fails: "cannot make 'eth0'".
class NetlinkRequest {
public:
    template <typename Body>
    NetlinkRequest(uint16_t type, uint16_t flags, const Body& body, std::string what)
        : what_(std::move(what)), bytes_(sizeof(nlmsghdr), '\0'), type_(type), flags_(flags)
    {
        append(bytes_of(body));
    }

    NetlinkRequest& put(uint16_t attribute, std::span<const uint8_t> value);
    NetlinkRequest& put_text(uint16_t attribute, std::string_view text);  // with a NUL behind it
    template <typename Number>
    NetlinkRequest& put_number(uint16_t attribute, Number value)
    {
        put_bytes(attribute, bytes_of(value));
        return *this;
    }
    // Attributes until end_nest are within this one; with a fixed structure before them where it has one.
    size_t begin_nest(uint16_t attribute, std::string_view head = {});
    void end_nest(size_t nest);

    template <typename Value>
    static std::string_view bytes_of(const Value& value)
    {
        return {reinterpret_cast<const char*>(&value), sizeof value};
    }
    const std::string& what() const { return what_; }
    // The bytes of it as number `sequence`, with `flags` added to its own.
    std::string bytes(uint32_t sequence, uint16_t flags) const;

private:
    void append(std::string_view bytes);
    void put_bytes(uint16_t attribute, std::string_view bytes);

    std::string what_, bytes_;
    uint16_t type_, flags_;
};

// The attributes of an answer, or of an attribute of it. Views: valid as long as the answer.
class NetlinkAttributes {
public:
    explicit NetlinkAttributes(std::string_view bytes) : bytes_(bytes) {}
    std::optional<std::string_view> find(uint16_t attribute) const;
    std::vector<std::string_view> find_all(uint16_t attribute) const;  // one that is there several times
    std::string text(uint16_t attribute) const;                        // "": not there
    NetlinkAttributes nest(uint16_t attribute) const { return NetlinkAttributes(find(attribute).value_or("")); }
    template <typename Number>
    Number number(uint16_t attribute) const  // 0: not there
    {
        Number value{};
        std::string_view bytes = find(attribute).value_or("");
        if (bytes.size() >= sizeof value) memcpy(&value, bytes.data(), sizeof value);
        return value;
    }

private:
    // `goes_on` is told each; false: no more.
    template <typename Visitor>
    void walk(Visitor goes_on) const;

    std::string_view bytes_;
};

// One answer, as long as the callback runs that is given it.
struct NetlinkAnswer {
    uint16_t type = 0;
    std::string_view bytes;  // without the header
    template <typename Body>
    Body body() const
    {
        Body value{};
        memcpy(&value, bytes.data(), std::min(bytes.size(), sizeof value));
        return value;
    }
    template <typename Body>
    NetlinkAttributes attributes() const
    {
        return NetlinkAttributes(bytes.size() > NLMSG_ALIGN(sizeof(Body)) ? bytes.substr(NLMSG_ALIGN(sizeof(Body))) : "");
    }
};

class Netlink {
public:
    using Reader = std::function<void(const NetlinkAnswer&)>;

    explicit Netlink(Fd socket) : socket_(std::move(socket)) {}
    // All of them, in order, in one system call. The kernel goes on behind one that fails: the error is the first one's.
    Result<> change(std::span<const NetlinkRequest> requests);
    Result<> change(const NetlinkRequest& request) { return change({&request, 1}); }
    // The same, all of them or none: one transaction of this subsystem (NFNL_SUBSYS_*) of nfnetlink.
    Result<> transact(uint8_t subsystem, std::span<const NetlinkRequest> requests);
    // Asks for one thing. Errors keep the kernel's errno.
    Result<> ask(const NetlinkRequest& request, const Reader& reader);
    // Asks for all: a list that changed meanwhile is asked for again, after `again` has emptied what `reader` has filled.
    Result<> list(const NetlinkRequest& request, const Reader& reader, const std::function<void()>& again);

private:
    Result<> send(std::span<const NetlinkRequest> requests, uint16_t flags);
    Result<> send(std::string_view bytes, const NetlinkRequest& first);
    Result<std::string_view> receive();

    Fd socket_;
    uint32_t sequence_ = 0;
    std::string buffer_;
};

// A socket of this protocol (NETLINK_*) in the network namespace of this process.
Result<Netlink> open_netlink(int protocol = NETLINK_ROUTE);
// The socket of NETLINK_NETFILTER that this process keeps in this network namespace: to close one waits until what was removed is gone,
// some 10 ms of RCU (nft_rcv_nl_event of net/netfilter/nf_tables_api.c). For programs of one thread; of use until the next call.
Result<Netlink*> netfilter_socket();
// A rtnetlink socket in the network namespace of this descriptor (a file of /proc/PID/ns, or a pidfd), which the process enters for that
// moment: for programs of one thread.
Result<Netlink> open_netlink_in(int network_namespace);

}  // namespace holm::kernel
