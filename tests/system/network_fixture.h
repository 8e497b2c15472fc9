// NetworkTest: the fixture of tests about networks: a throw-away host with a "server" beyond it, in a network namespace of its own.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "base/text.h"
#include "host.h"

namespace holm::test {

inline constexpr const char* waits = "trap 'exit 0' TERM INT; while :; do sleep 1000 & wait $!; done";
inline constexpr const char* serves =
    "mkdir -p /www; hostname >/www/index.html; httpd -f -p 80 -h /www & trap 'exit 0' TERM INT; while :; do sleep 1000 & wait $!; done";
inline constexpr const char* server = "192.0.2.2";    // beyond the host
inline constexpr const char* host_end = "192.0.2.1";  // the host, as the server sees it
inline constexpr const char *server6 = "2001:db8::2", *host_end6 = "2001:db8::1";

class NetworkTest : public SystemTest {
protected:
    // What is drawn at the first use of a network is kept: that is no leftover.
    void SetUp() override
    {
        holmctl({"run", "--rm", "--name=first", "--lower=" + std::string(getenv("HOLM_BUSYBOX")), "--ephemeral", "--network=holm0", "--",
                 "/bin/true"});
        ASSERT_TRUE(
            succeeds(sh(fmt::format("ip netns add server && ip link add to-server type veth peer name to-host netns server && "
                                    "ip address add {}/24 dev to-server && ip link set to-server up && "
                                    "ip -n server address add {}/24 dev to-host && ip -n server link set to-host up && "
                                    "ip address add {}/64 dev to-server nodad && ip -n server address add {}/64 dev to-host nodad",
                                    host_end, server, host_end6, server6))));
        EXPECT_TRUE(eventually([] { return sh("systemctl list-units --all --plain --no-legend 'holm-network@*'").out.empty(); }, 5s));
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        SystemTest::TearDown();
        sh("ip netns delete server; ip link delete to-server 2>/dev/null");
    }

    std::string on(const std::string& network, const char* script = waits, std::vector<std::string> options = {})
    {
        options.insert(options.end(), {"--network=" + network, "--capability=CAP_NET_RAW"});
        return background(script, options);
    }
    static Outcome inside(const std::string& machine, const std::string& script)
    {
        return holmctl({"exec", machine, "--", "/bin/sh", "-c", script}, {}, 20s);
    }
    static std::string page(const std::string& machine, const std::string& address, int port = 80)
    {
        return inside(machine, fmt::format("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {} {} | tail -n 1", address, port)).out;
    }
    static std::string page_from(const std::string& where, const std::string& address, int port)
    {
        return sh(fmt::format("{} bash -c 'exec 3<>/dev/tcp/{}/{} && printf \"GET / HTTP/1.0\\r\\n\\r\\n\" >&3 && timeout 3 tail -n 1 <&3' "
                              "2>/dev/null",
                              where, address, port))
            .out;
    }
    static std::string address_of(const std::string& machine)
    {
        return std::string(trim(inside(machine, "ip -4 -o address show dev eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'").out));
    }
    static void set_bridge_calls(int value)
    {
        sh(fmt::format("f=/proc/sys/net/bridge/bridge-nf-call-iptables; [ ! -e $f ] || echo {} >$f", value));
    }
    // The processes that nsenter or ip put into a namespace: "" the host's.
    static std::string in_network_of(const std::string& machine) { return fmt::format("nsenter -t {} -n", leader_of(machine)); }
    static inline const std::string beyond = "ip netns exec server";
    static std::vector<std::string> lines_of(std::string_view text)
    {
        std::vector<std::string> lines;
        for (std::string_view line : split(text, '\n'))
            if (!line.empty()) lines.emplace_back(line);
        return lines;
    }
    static bool has_words(std::string_view text, std::initializer_list<std::string_view> words)
    {
        for (std::string_view word : words)
            if (!text.contains(word)) return false;
        return true;
    }
    void define_network(const std::string& network, const std::string& toml)
    {
        make_folder("/etc/holm/networks");
        write_file("/etc/holm/networks/" + network + ".toml", toml);
    }
};

}  // namespace holm::test
