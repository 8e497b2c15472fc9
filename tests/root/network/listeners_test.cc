// Who listens on the host: sockets of each kind, seen as a publication would meet them.
#include <arpa/inet.h>
#include <pwd.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/fd.h"
#include "network/observe.h"
#include "wire.h"

namespace holm::network {
namespace {

constexpr uint16_t port = 4080;

enum class Dual { No, Yes };

class Listeners : public test::Wire {
protected:
    void SetUp() override
    {
        Wire::SetUp();
        ip("link set lo up");
        ip("address add 10.9.0.1/24 dev lo");
    }
    static Fd bound(int kind, const char* address, Dual dual = Dual::No, uint16_t at = port)
    {
        const bool v6 = std::string_view(address).contains(':');
        const int only = dual == Dual::No;
        Fd socket(::socket(v6 ? AF_INET6 : AF_INET, kind | SOCK_CLOEXEC, 0));
        sockaddr_in v4{.sin_family = AF_INET, .sin_port = htons(at), .sin_addr = {}, .sin_zero = {}};
        sockaddr_in6 in6{.sin6_family = AF_INET6, .sin6_port = htons(at), .sin6_flowinfo = 0, .sin6_addr = {}, .sin6_scope_id = 0};
        ::inet_pton(v6 ? AF_INET6 : AF_INET, address, v6 ? static_cast<void*>(&in6.sin6_addr) : &v4.sin_addr);
        const int on = 1;
        ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (v6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only, sizeof only);
        EXPECT_EQ(
            ::bind(socket.get(), v6 ? reinterpret_cast<sockaddr*>(&in6) : reinterpret_cast<sockaddr*>(&v4), v6 ? sizeof in6 : sizeof v4), 0)
            << address << ": " << strerror(errno);
        EXPECT_TRUE(kind == SOCK_DGRAM || ::listen(socket.get(), 8) == 0);
        return socket;
    }
    // "tcp ADDRESS PORT" of each that is in the way of these.
    static std::vector<std::string> seen(std::vector<std::string> published)
    {
        std::vector<Publication> parsed;
        for (const std::string& text : published) parsed.push_back(*parse_published(text));
        auto found = observe_listeners(parsed);
        EXPECT_TRUE(found) << found.error().text;
        std::vector<std::string> texts;
        for (const Listener& one : *found) texts.push_back(fmt::format("{} {} {}", one.protocol, one.address, one.port));
        std::ranges::sort(texts);
        return texts;
    }
    using Texts = std::vector<std::string>;
};

TEST_F(Listeners, OfEachKind)
{
    EXPECT_EQ(seen({"4080:80"}), Texts());
    {
        const Fd one = bound(SOCK_STREAM, "127.0.0.1"), two = bound(SOCK_STREAM, "::1"),
                 other = bound(SOCK_STREAM, "10.9.0.1", Dual::No, 4081);
        EXPECT_EQ(seen({"4080:80"}), (Texts{"tcp 127.0.0.1 4080", "tcp ::1 4080"}));
        EXPECT_EQ(seen({"4080:80", "4085:80"}), (Texts{"tcp 127.0.0.1 4080", "tcp ::1 4080"}))
            << "between the two is nothing that is asked";
        EXPECT_EQ(seen({"4080-4089:80-89"}), (Texts{"tcp 10.9.0.1 4081", "tcp 127.0.0.1 4080", "tcp ::1 4080"}));
        EXPECT_EQ(seen({"0.0.0.0:4080:80"}), Texts{"tcp 127.0.0.1 4080"});
        EXPECT_EQ(seen({"10.9.0.1:4080:80", "4080:80/udp", "4079:80", "4082:80"}), Texts());
    }
    EXPECT_EQ(seen({"4080:80"}), Texts()) << "they are closed";
    for (const int kind : {SOCK_STREAM, SOCK_DGRAM}) {
        const std::string protocol = kind == SOCK_STREAM ? "tcp" : "udp", suffix = "/" + protocol;
        {
            const Fd both = bound(kind, "::", Dual::Yes);
            EXPECT_EQ(seen({"4080:80" + suffix}), Texts{protocol + "  4080"});
            EXPECT_EQ(seen({"10.9.0.1:4080:80" + suffix}), Texts{protocol + "  4080"});
        }
        {
            const Fd only = bound(kind, "::");
            EXPECT_EQ(seen({"4080:80" + suffix}), Texts{protocol + " :: 4080"});
            EXPECT_EQ(seen({"127.0.0.1:4080:80" + suffix}), Texts());
        }
        const Fd mapped = bound(kind, "::ffff:10.9.0.1", Dual::Yes);
        EXPECT_EQ(seen({"4080:80" + suffix}), Texts{protocol + " 10.9.0.1 4080"});
    }
}

// A client's own port is nobody's that could be met.
TEST_F(Listeners, WhoIsConnectedDoesNotListen)
{
    const Fd server = bound(SOCK_STREAM, "127.0.0.1", Dual::No, 4090), tcp = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Fd udp = bound(SOCK_DGRAM, "127.0.0.1"), other = bound(SOCK_DGRAM, "127.0.0.1", Dual::No, 4090);
    sockaddr_in own{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_zero = {}}, peer = own;
    peer.sin_port = htons(4090);
    ASSERT_EQ(::bind(tcp.get(), reinterpret_cast<sockaddr*>(&own), sizeof own), 0);
    ASSERT_EQ(::connect(tcp.get(), reinterpret_cast<sockaddr*>(&peer), sizeof peer), 0);
    EXPECT_EQ(seen({"4080:80", "4080:80/udp"}), Texts{"udp 127.0.0.1 4080"});
    ASSERT_EQ(::connect(udp.get(), reinterpret_cast<sockaddr*>(&peer), sizeof peer), 0);
    EXPECT_EQ(seen({"4080:80", "4080:80/udp"}), Texts());
}

TEST_F(Listeners, ByASpecAndWhatRuns)
{
    const Fd first = bound(SOCK_STREAM, "127.0.0.1"), second = bound(SOCK_STREAM, "127.0.0.1", Dual::No, 4081);
    machine::Spec spec;
    spec.networks = {{.network = "lan", .publish = {"4080:80"}}, {.network = "back", .publish = {"4081:81"}}};
    EXPECT_EQ(observe_listeners(spec, {})->size(), 2U);
    Endpoint running;
    running.published = {*parse_published("4081:81")};
    auto found = observe_listeners(spec, {.kind = Kind::Endpoints, .endpoints = {running}});
    ASSERT_TRUE(found && found->size() == 1);
    EXPECT_EQ(found->front().port, port);
}

}  // namespace
}  // namespace holm::network
