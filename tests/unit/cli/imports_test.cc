#include "cli/imports/import.h"
#include "imports/nspawn.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "machine/spec_file.h"

namespace holm::cli {

using imports::import_nspawn;

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// What holmd would read: the definition is judged as any other.
machine::Spec read_back(Imported imported)
{
    imported.spec.name = *machine::parse_name("web");
    if (imported.spec.root.path.empty() && imported.spec.root.image.empty() && imported.spec.root.lower.empty())
        imported.spec.root.path = "/srv/web";
    const machine::Source source{"web.toml", machine::describe_spec_file(imported.spec)};
    auto spec = machine::parse_spec(imported.spec.name, {&source, 1});
    EXPECT_TRUE(spec) << spec.error().text << "\n" << source.text;
    return spec ? *spec : machine::Spec{};
}

std::vector<std::string> settings_of(const Imported& imported)
{
    std::vector<std::string> settings;
    for (const Dropped& dropped : imported.dropped) settings.push_back(dropped.setting);
    return settings;
}

TEST(ImportNspawn, TakesWhatHasACounterpart)
{
    auto imported = import_nspawn(R"([Exec]
# a comment
Boot=no
Parameters=/usr/bin/app -v "two words"
Environment=A=b "C=d e"
User=www-data
WorkingDirectory=/srv
Capability=CAP_NET_ADMIN CAP_SYS_TIME
DropCapability=CAP_CHOWN
NoNewPrivileges=yes
KillSignal=SIGTERM
MachineID=0123456789abcdef0123456789abcdef
PrivateUsers=524288:65536
SystemCallFilter=@clock ~nothing
LimitNOFILE=1024:4096
OOMScoreAdjust=-500
CPUAffinity=0-1
Hostname=front
ResolvConf=replace-stub
Timezone=bind
ProcessTwo=yes

[Files]
ReadOnly=yes
Bind=/srv/a:/a:norbind
BindReadOnly=-/srv/b
TemporaryFileSystem=/var/tmp:size=1M
Inaccessible=/etc/secret

[Network]
Bridge=br0
Port=tcp:8080:80
Port=udp:53
)");
    ASSERT_TRUE(imported) << imported.error().text;
    std::erase_if(imported->dropped, [](const Dropped& dropped) { return dropped.setting.find("~nothing") != std::string::npos; });
    EXPECT_THAT(settings_of(*imported), IsEmpty());
    const machine::Spec spec = read_back(*imported);
    EXPECT_THAT(spec.payload.command, ElementsAre("/usr/bin/app", "-v", "two words"));
    EXPECT_THAT(spec.payload.environment, ElementsAre(std::pair("A", "b"), std::pair("C", "d e")));
    EXPECT_EQ(spec.payload.user, "www-data");
    EXPECT_TRUE(spec.payload.init);
    EXPECT_THAT(spec.security.capabilities_add, ElementsAre("CAP_NET_ADMIN", "CAP_SYS_TIME"));
    EXPECT_EQ(spec.security.users, (machine::Users{machine::UsersKind::Range, 524288, 65536}));
    EXPECT_EQ(spec.security.rlimits.at("NOFILE"), (std::pair<uint64_t, uint64_t>(1024, 4096)));
    EXPECT_EQ(spec.security.oom_score_adjust, -500);
    EXPECT_EQ(spec.identity.machine_id_value, "0123456789abcdef0123456789abcdef");
    EXPECT_EQ(spec.identity.timezone, "bind");
    EXPECT_EQ(spec.identity.resolv_conf, (machine::ResolvConf{machine::ResolvConfMode::Replace, machine::Resolver::Stub}));
    EXPECT_EQ(spec.root.mode, machine::RootMode::ReadOnly);
    ASSERT_EQ(spec.mounts.size(), 4u);
    EXPECT_THAT(spec.mounts[0].options, ElementsAre("norec"));
    EXPECT_TRUE(spec.mounts[1].read_only && spec.mounts[1].optional);
    EXPECT_EQ(spec.mounts[1].target, "/srv/b");
    ASSERT_EQ(spec.networks.size(), 1u);
    EXPECT_EQ(spec.networks[0].network, "bridge:br0");
    EXPECT_THAT(spec.networks[0].publish, ElementsAre("8080:80/tcp", "53:53/udp"));
}

// What came with an image gives nobody a privilege, a path of the host or another network; the administrator's file may.
TEST(Nspawn, AFileBesideAnImageOpensNothing)
{
    const machine::Spec untouched = Imported().spec;
    for (const char* setting : {"[Exec]\nCapability=CAP_SYS_ADMIN\n",
                                "[Exec]\nAmbientCapability=CAP_SYS_ADMIN\n",
                                "[Exec]\nPrivateUsers=no\n",
                                "[Exec]\nPrivateUsers=identity\n",
                                "[Exec]\nPrivateUsers=0:65536\n",
                                "[Exec]\nSystemCallFilter=bpf\n",
                                "[Exec]\nPivotRoot=/a\n",
                                "[Exec]\nNoNewPrivileges=no\n",
                                "[Exec]\nOOMScoreAdjust=-1000\n",
                                "[Exec]\nLimitNOFILE=infinity\n",
                                "[Exec]\nCPUAffinity=0-9\n",
                                "[Exec]\nLinkJournal=host\n",
                                "[Exec]\nNotifyAccess=all\n",
                                "[Exec]\nSuppressSync=yes\n",
                                "[Files]\nBind=/etc\n",
                                "[Files]\nBindReadOnly=/etc/shadow:/x\n",
                                "[Files]\nBindUser=root\n",
                                "[Files]\nBindUserShell=yes\n",
                                "[Files]\nOverlay=/a:/b:/c\n",
                                "[Files]\nPrivateUsersOwnership=chown\n",
                                "[Network]\nPrivate=no\n",
                                "[Network]\nBridge=br0\n",
                                "[Network]\nZone=x\n",
                                "[Network]\nInterface=eth0\n",
                                "[Network]\nMACVLAN=eth0\n",
                                "[Network]\nIPVLAN=eth0\n",
                                "[Network]\nPort=tcp:22:22\n",
                                "[Network]\nNamespacePath=/proc/1/ns/net\n",
                                "[Network]\nVirtualEthernetExtra=a:b\n",
                                "[Exec]\nNoSuchKey=1\n"}) {
        auto imported = imports::import_nspawn(setting, imports::Trust::Beside);
        ASSERT_TRUE(imported) << setting;
        EXPECT_EQ(imported->spec, untouched) << setting;
        EXPECT_EQ(imported->dropped.size(), 1U) << setting;
    }
    auto imported = imports::import_nspawn("[Exec]\nBoot=yes\nHostname=web\n[Files]\nReadOnly=yes\n", imports::Trust::Beside);
    ASSERT_TRUE(imported);
    EXPECT_EQ(imported->spec.identity.hostname, "web");
    EXPECT_THAT(imported->dropped, IsEmpty());
}

TEST(ImportNspawn, LinksOfTheHost)
{
    auto imported = import_nspawn("[Network]\nVirtualEthernet=yes\nInterface=eth1 eth2:lan0\n");
    ASSERT_TRUE(imported);
    EXPECT_THAT(imported->dropped, IsEmpty());
    ASSERT_EQ(imported->spec.networks.size(), 3U);
    EXPECT_EQ(imported->spec.networks[0].network, "holm0");
    EXPECT_EQ(imported->spec.networks[1].network, "physical:eth1");
    EXPECT_EQ(imported->spec.networks[1].interface, "");
    EXPECT_EQ(imported->spec.networks[2].network, "physical:eth2");
    EXPECT_EQ(imported->spec.networks[2].interface, "lan0");
    auto bad = import_nspawn("[Network]\nInterface=eth1:a/b\n");
    ASSERT_TRUE(bad);
    EXPECT_EQ(bad->dropped.size(), 1U);
    EXPECT_THAT(bad->spec.networks, IsEmpty());
}

// Every key of systemd.nspawn(5) from 252 to 261 is known, with a counterpart or with a reason.
TEST(ImportNspawn, KnowsEveryKey)
{
    for (const char* setting : {"[Exec]\nBoot=yes",
                                "[Exec]\nEphemeral=yes",
                                "[Exec]\nProcessTwo=no",
                                "[Exec]\nParameters=/x",
                                "[Exec]\nEnvironment=A=b",
                                "[Exec]\nUser=a",
                                "[Exec]\nWorkingDirectory=/",
                                "[Exec]\nPivotRoot=/a",
                                "[Exec]\nCapability=CAP_CHOWN",
                                "[Exec]\nDropCapability=all",
                                "[Exec]\nAmbientCapability=CAP_CHOWN",
                                "[Exec]\nNoNewPrivileges=no",
                                "[Exec]\nKillSignal=SIGINT",
                                "[Exec]\nPersonality=x86",
                                "[Exec]\nMachineID=0123456789abcdef0123456789abcdef",
                                "[Exec]\nPrivateUsers=pick",
                                "[Exec]\nNotifyReady=yes",
                                "[Exec]\nSystemCallFilter=bpf",
                                "[Exec]\nLimitCPU=1",
                                "[Exec]\nLimitRTTIME=1",
                                "[Exec]\nOOMScoreAdjust=1",
                                "[Exec]\nCPUAffinity=0",
                                "[Exec]\nHostname=a",
                                "[Exec]\nResolvConf=bind-host",
                                "[Exec]\nTimezone=auto",
                                "[Exec]\nLinkJournal=host",
                                "[Exec]\nSuppressSync=yes",
                                "[Files]\nReadOnly=no",
                                "[Files]\nVolatile=state",
                                "[Files]\nBind=/a",
                                "[Files]\nBindReadOnly=+/a",
                                "[Files]\nTemporaryFileSystem=/a",
                                "[Files]\nInaccessible=/a",
                                "[Files]\nOverlay=/a:/b:/c",
                                "[Files]\nOverlayReadOnly=/a:/b:/c",
                                "[Files]\nPrivateUsersOwnership=map",
                                "[Files]\nBindUser=a",
                                "[Files]\nBindUserShell=yes",
                                "[Network]\nPrivate=yes",
                                "[Network]\nVirtualEthernet=yes",
                                "[Network]\nVirtualEthernetExtra=a:b",
                                "[Network]\nInterface=eth1",
                                "[Network]\nMACVLAN=eth0",
                                "[Network]\nIPVLAN=eth0",
                                "[Network]\nBridge=br0",
                                "[Network]\nZone=z",
                                "[Network]\nPort=80",
                                "[Network]\nNamespacePath=/run/netns/a"}) {
        auto imported = import_nspawn(setting);
        ASSERT_TRUE(imported) << setting;
        for (const Dropped& dropped : imported->dropped)
            EXPECT_THAT(dropped.reason, testing::Not(HasSubstr("does not have it"))) << setting;
        read_back(*imported);
    }
    auto unknown = import_nspawn("[Exec]\nNoSuchKey=1\n");
    ASSERT_TRUE(unknown);
    EXPECT_THAT(settings_of(*unknown), ElementsAre("[Exec] NoSuchKey=1"));
    EXPECT_FALSE(import_nspawn("no section\n"));
}

TEST(ImportLxc, TakesWhatHasACounterpart)
{
    auto imported = import_lxc(R"(
lxc.uts.name = web_1
lxc.rootfs.path = overlayfs:/srv/base:/srv/app:/srv/upper
lxc.include = /usr/share/lxc/config/debian.common.conf
lxc.net.0.type = veth
lxc.net.0.link = br0
lxc.net.0.flags = up
lxc.net.0.hwaddr = 02:00:5e:10:00:05
lxc.net.0.ipv4.address = 10.0.0.5/24
lxc.net.0.ipv4.gateway = 10.0.0.1
lxc.idmap = u 0 100000 65536
lxc.idmap = g 0 100000 65536
lxc.cap.drop = sys_time mknod
lxc.mount.entry = /srv/data mnt/data none bind,ro,optional 0 0
lxc.mount.entry = tmpfs tmp tmpfs size=1M 0 0
lxc.mount.auto = proc:mixed sys:ro
lxc.cgroup2.memory.max = 512M
lxc.cgroup2.cpu.max = 50000 100000
lxc.cgroup.memory.limit_in_bytes = 1G
lxc.environment = A=b
lxc.init.cmd = /usr/bin/app -v
lxc.signal.halt = SIGUSR1
lxc.prlimit.nofile = 1024
lxc.sysctl.net.core.somaxconn = 512
)");
    ASSERT_TRUE(imported) << imported.error().text;
    EXPECT_EQ(imported->spec.name.text(), "web-1");
    EXPECT_THAT(settings_of(*imported), ElementsAre(HasSubstr("lxc.uts.name"), HasSubstr("lxc.include"), HasSubstr("lxc.mount.auto"),
                                                    HasSubstr("lxc.cgroup.memory"), HasSubstr("gateway")));
    const machine::Spec spec = read_back(*imported);
    EXPECT_THAT(spec.root.lower, ElementsAre("/srv/app", "/srv/base"));
    EXPECT_EQ(spec.root.upper, "/srv/upper");
    EXPECT_EQ(spec.networks[0].network, "bridge:br0");
    EXPECT_THAT(spec.networks[0].address, ElementsAre("10.0.0.5"));
    EXPECT_EQ(spec.security.users, (machine::Users{machine::UsersKind::Range, 100000, 65536}));
    EXPECT_THAT(spec.security.capabilities_drop, ElementsAre("CAP_SYS_TIME", "CAP_MKNOD"));
    EXPECT_THAT(spec.resources, ElementsAre(std::pair("MemoryMax", "512M"), std::pair("CPUQuota", "50%")));
    EXPECT_THAT(spec.payload.command, ElementsAre("/usr/bin/app", "-v"));
    ASSERT_EQ(spec.mounts.size(), 2u);
    EXPECT_EQ(spec.mounts[0].target, "/mnt/data");
    EXPECT_FALSE(import_lxc("no equals sign\n"));
}

TEST(ImportOci, TakesWhatHasACounterpart)
{
    auto imported = import_oci(R"({"ociVersion": "1.0.2", "hostname": "web", "root": {"path": "rootfs", "readonly": true},
        "process": {"args": ["/bin/app", "-v"], "cwd": "/srv", "env": ["PATH=/bin", "A=b"], "user": {"uid": 1000, "gid": 44},
                    "noNewPrivileges": true, "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}],
                    "capabilities": {"bounding": ["CAP_KILL"]}},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
                   {"destination": "/data", "type": "bind", "source": "data", "options": ["rbind", "ro"]},
                   {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "size=1M"]}],
        "linux": {"namespaces": [{"type": "network"}, {"type": "ipc", "path": "/proc/1/ns/ipc"}],
                  "resources": {"memory": {"limit": 1048576}, "cpu": {"quota": 50000, "period": 100000}, "pids": {"limit": 10}},
                  "seccomp": {}},
        "hooks": {"prestart": [{"path": "/bin/x"}]}})",
                               "/bundle");
    ASSERT_TRUE(imported) << imported.error().text;
    EXPECT_THAT(settings_of(*imported), ElementsAre(HasSubstr("namespaces"), HasSubstr("seccomp"), HasSubstr("hooks")));
    const machine::Spec spec = read_back(*imported);
    EXPECT_EQ(spec.root.path, "/bundle/rootfs");
    EXPECT_EQ(spec.payload.user, "1000:44");
    EXPECT_THAT(spec.payload.environment, ElementsAre(std::pair("A", "b")));
    ASSERT_EQ(spec.mounts.size(), 2u);
    EXPECT_EQ(spec.mounts[0].source, "/bundle/data");
    EXPECT_EQ(spec.networks[0].network, "none");
    EXPECT_THAT(spec.resources, ElementsAre(std::pair("MemoryMax", "1048576"), std::pair("TasksMax", "10"), std::pair("CPUQuota", "50%")));
    for (const char* bad : {"", "[]", "{}", "{\"ociVersion\": 1}", "{", "null"}) EXPECT_FALSE(import_oci(bad, "/b")) << bad;
    for (const char* odd : {R"({"ociVersion":"1","process":3})", R"({"ociVersion":"1","mounts":{"a":1},"linux":[],"root":"x"})",
                            R"({"ociVersion":"1","process":{"oomScoreAdj":99999999999,"user":{"uid":18446744073709551615}}})"})
        EXPECT_TRUE(import_oci(odd, "/b")) << odd;
}

TEST(ImportCompose, MakesAMachineOfEachService)
{
    auto all = import_compose(R"(
services:
  web:
    image: docker.io/library/nginx:1.27
    command: nginx -g "daemon off;"
    ports: ["8080:80", "443"]
    environment: {A: b}
    volumes: ["./data:/data:ro", "named:/var/lib/x"]
    depends_on: [db]
    mem_limit: 512m
    cpus: 1.5
    restart: unless-stopped
    cap_add: [NET_ADMIN]
    privileged: true
  my_db:
    container_name: db
    build: .
    network_mode: none
    healthcheck: {test: ["CMD", "/bin/check"], interval: 30s}
)",
                              "/srv/app");
    ASSERT_TRUE(all) << all.error().text;
    ASSERT_EQ(all->size(), 2u);
    EXPECT_EQ((*all)[0].spec.name.text(), "web");
    EXPECT_EQ((*all)[1].spec.name.text(), "db");
    EXPECT_THAT(settings_of((*all)[0]), ElementsAre(HasSubstr("image"), HasSubstr("privileged"), HasSubstr("443")));
    const machine::Spec web = read_back((*all)[0]), db = read_back((*all)[1]);
    EXPECT_EQ(web.root.image, "nginx-1.27");
    EXPECT_THAT(web.payload.command, ElementsAre("nginx", "-g", "daemon off;"));
    EXPECT_THAT(web.networks[0].publish, ElementsAre("8080:80"));
    EXPECT_EQ(web.mounts[0].source, "/srv/app/data");
    EXPECT_EQ(web.mounts[1].type, machine::MountType::Volume);
    EXPECT_THAT(web.resources, ElementsAre(std::pair("MemoryMax", "512M"), std::pair("CPUQuota", "150%")));
    EXPECT_THAT(web.unit.after, ElementsAre("holm@db.service"));
    EXPECT_EQ(db.networks[0].network, "none");
    ASSERT_TRUE(db.health);
    EXPECT_THAT(db.health->command, ElementsAre("/bin/check"));
    for (const char* bad : {"", "a: b", "services: 3", "services: {}", "services: [", "a: &x [*x]"})
        EXPECT_FALSE(import_compose(bad, "/")) << bad;
}

TEST(KindOfConfig, GoesByNameThenByText)
{
    EXPECT_EQ(kind_of_config("web.nspawn", ""), ConfigKind::Nspawn);
    EXPECT_EQ(kind_of_config("config.json", ""), ConfigKind::Oci);
    EXPECT_EQ(kind_of_config("compose.yaml", ""), ConfigKind::Compose);
    EXPECT_EQ(kind_of_config("config", "lxc.uts.name = x\n"), ConfigKind::Lxc);
    EXPECT_EQ(kind_of_config("x", "[Exec]\n"), ConfigKind::Nspawn);
}

}  // namespace

}  // namespace holm::cli
