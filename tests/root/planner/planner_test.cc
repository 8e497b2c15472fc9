// What the planner claims, keeps, gives back and refuses; and that a refusal leaves nothing.
#include "daemon/planner.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "base/fd.h"
#include "daemon/identity.h"
#include "daemon/read_files.h"
#include "launch/plan_file.h"

namespace holm::daemon {
namespace {

namespace fs = std::filesystem;

constexpr uint32_t range = 65536, pool_base = 1000 * range;

void write_file(const std::string& path, std::string_view text, unsigned mode = 0644)
{
    fs::create_directories(fs::path(path).parent_path());
    ASSERT_TRUE(replace_file(path, text, mode)) << path;
}

// All that exists below the folders that the planner may write to.
std::set<std::string> written()
{
    std::set<std::string> paths;
    for (const char* top : {"/run", "/var/lib"})
        for (const auto& entry : fs::recursive_directory_iterator(top)) paths.insert(entry.path());
    return paths;
}

class Planner : public testing::Test {
protected:
    void SetUp() override
    {
        static const bool own_mounts =
            geteuid() == 0 && unshare(CLONE_NEWNS) == 0 && mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) == 0;
        if (!own_mounts) GTEST_SKIP() << "needs root";
        for (const char* folder : folders) ASSERT_EQ(mount("tmpfs", folder, "tmpfs", 0, "mode=755"), 0) << folder;
        // cgroup v2 where it is looked for, whatever this host has.
        if (mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, nullptr) != 0) GTEST_SKIP() << "no cgroup v2";
        write_file("/etc/os-release", "ID=test\n");
        write_file("/mnt/root/usr/bin/app", "", 0755);
        write_file("/mnt/root/sbin/init", "", 0755);
    }
    void TearDown() override
    {
        umount2("/sys/fs/cgroup", MNT_DETACH);
        for (const char* folder : folders) umount2(folder, MNT_DETACH);
    }

    static PlanRequest request(std::string_view name)
    {
        PlanRequest made;
        made.name = *machine::parse_name(name);
        made.spec.emplace();
        made.spec->name = made.name;
        made.spec->root.path = "/mnt/root";
        made.spec->payload.command = {"app"};
        made.settings.users = {pool_base, 8 * range};
        made.settings.defaults.network = "none";  // here is no network that could be drawn
        return made;
    }
    static uint32_t base_of(const PlanRequest& asked)
    {
        auto plan = prepare(asked);
        EXPECT_TRUE(plan) << plan.error().text;
        return plan ? plan->rootfs.ids.base : 0;
    }

    static constexpr const char* folders[] = {"/run", "/var/lib", "/etc", "/mnt"};
};

TEST_F(Planner, ClaimsSavesAndGivesBack)
{
    auto before = written();
    auto plan = prepare(request("web"));
    ASSERT_TRUE(plan) << plan.error().text;
    auto text = read_file("/run/holm/machines/web/plan.toml");
    ASSERT_TRUE(text);
    EXPECT_EQ(*launch::parse_plan_file(*text, "plan.toml"), *plan);
    EXPECT_EQ(plan->payload.command, std::vector<std::string>{"/usr/bin/app"});
    struct stat status;
    ASSERT_EQ(stat("/run/holm/machines/web", &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);
    ASSERT_EQ(stat("/var/lib/holm/machines/web", &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0700U);

    auto again = prepare(request("web"));
    EXPECT_EQ(again->uuid, plan->uuid);
    EXPECT_EQ(again->rootfs.ids, plan->rootfs.ids);

    EXPECT_TRUE(release(request("web").name, Keep::Record));
    EXPECT_FALSE(fs::exists("/run/holm/machines/web"));
    EXPECT_EQ(prepare(request("web"))->uuid, plan->uuid);
    for (int i = 0; i < 2; ++i) EXPECT_TRUE(release(request("web").name, Keep::Nothing));
    EXPECT_FALSE(fs::exists("/run/holm/machines/web") || fs::exists("/var/lib/holm/machines/web"));
    EXPECT_NE(prepare(request("web"))->uuid, plan->uuid);
}

// Each by itself: what one has in the way keeps none of the others.
TEST_F(Planner, ManyAreReleasedInOneGo)
{
    std::vector<Ended> ended;
    for (const char* name : {"a", "b", "c"}) {
        ASSERT_TRUE(prepare(request(name)));
        write_file(fmt::format("/run/holm/locks/{}", name), fmt::format("{}\n", name));
        ended.push_back({request(name).name, Keep::Nothing});
    }
    write_file("/run/holm/locks/other", "other\n");
    ended[2].keep = Keep::Record;
    const std::string busy = "/run/holm/machines/b/busy";
    ASSERT_TRUE(fs::create_directory(busy));
    ASSERT_EQ(mount("tmpfs", busy.c_str(), "tmpfs", 0, nullptr), 0);

    std::vector<Result<>> results = release(ended);
    ASSERT_EQ(results.size(), 3U);
    EXPECT_TRUE(results[0]);
    EXPECT_FALSE(results[1]);
    EXPECT_TRUE(results[2]);
    EXPECT_FALSE(fs::exists("/run/holm/machines/a") || fs::exists("/run/holm/machines/c") || fs::exists("/var/lib/holm/machines/a"));
    EXPECT_TRUE(fs::exists("/var/lib/holm/machines/c"));
    EXPECT_FALSE(fs::exists("/run/holm/locks/a") || fs::exists("/run/holm/locks/c"));
    EXPECT_TRUE(fs::exists("/run/holm/locks/other"));
    ASSERT_EQ(umount(busy.c_str()), 0);
    EXPECT_TRUE(release(ended)[1]);
    EXPECT_FALSE(fs::exists("/run/holm/machines/b") || fs::exists("/var/lib/holm/machines/b"));
}

TEST_F(Planner, WhatIsRememberedOfAFileIsWhatItSays)
{
    static int parsed = 0;
    ReadFiles<std::string> files(
        [](std::string_view text, const std::string&) -> Result<std::string> {
            ++parsed;
            if (text == "bad") return error(Errc::Invalid, "bad");
            return std::string(text);
        },
        100);
    const std::string path = "/mnt/file";
    EXPECT_EQ(*files.read(path), std::nullopt);
    for (const char* text : {"one", "two"}) {  // of one length
        write_file(path, text);
        for (int i = 0; i < 3; ++i) EXPECT_EQ(*files.read(path), text);
    }
    EXPECT_EQ(parsed, 2);
    write_file(path, "bad");
    for (int i = 0; i < 2; ++i) EXPECT_FALSE(files.read(path));
    EXPECT_EQ(parsed, 4);
    fs::remove(path);
    EXPECT_EQ(*files.read(path), std::nullopt);
    write_file(path, "two");
    EXPECT_EQ(*files.read(path), "two");
    files.forget(path);
    EXPECT_EQ(*files.read(path), "two");
    EXPECT_EQ(parsed, 6);
}

TEST_F(Planner, PlanOnlyWritesNothing)
{
    PlanRequest asked = request("web");
    asked.mode = PlanRequest::Mode::PlanOnly;
    auto before = written();
    uint32_t base = base_of(asked);
    EXPECT_EQ(written(), before);
    EXPECT_EQ(base_of(request("web")), base);  // the one that is drawn then
}

TEST_F(Planner, ARefusalLeavesNothing)
{
    auto before = written();
    PlanRequest asked = request("web");
    asked.spec->payload.command = {"nothing"};
    EXPECT_EQ(prepare(asked).error().code, Errc::NoCommand);
    asked = request("web");
    asked.spec->root.path = "/mnt/none";
    EXPECT_EQ(prepare(asked).error().text, "root of machine 'web': '/mnt/none' does not exist");
    asked = request("web");
    asked.spec->security.apparmor = "x";
    EXPECT_EQ(prepare(asked).error().code, Errc::NotSupported);
    before.insert({"/run/holm", "/run/holm/ranges.lock"});
    EXPECT_EQ(written(), before);
}

TEST_F(Planner, AFailureAfterTheClaimTakesItBack)
{
    write_file("/run/holm/machines", "in the way");
    EXPECT_FALSE(prepare(request("web")));
    EXPECT_FALSE(fs::exists("/var/lib/holm/machines/web"));
    write_file("/var/lib/holm/machines/web/upper/file", "kept");
    EXPECT_FALSE(prepare(request("web")));
    EXPECT_FALSE(fs::exists("/var/lib/holm/machines/web/identity.toml"));
    EXPECT_TRUE(fs::exists("/var/lib/holm/machines/web/upper/file"));
}

TEST_F(Planner, RangesNeverMeet)
{
    write_file("/etc/subuid", fmt::format("alice:{}:{}\n", pool_base + range, 1));
    write_file("/etc/subgid", fmt::format("alice:{}:{}\n", pool_base + 2 * range + 5, range));  // two slots
    write_file("/etc/passwd", fmt::format("app:x:{}:0::/:/bin/sh\n", pool_base + 4 * range));
    write_file("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
    std::string nspawn = fmt::format("/run/systemd/nspawn-uid/{}", pool_base + 5 * range);
    write_file(nspawn, "");
    Fd held = *open_file(nspawn, O_RDWR);
    struct flock lock = {};
    lock.l_type = F_WRLCK;
    ASSERT_EQ(fcntl(held.get(), F_OFD_SETLK, &lock), 0);

    std::set<uint32_t> bases = {base_of(request("a")), base_of(request("b")), base_of(request("c"))};
    EXPECT_EQ(bases, (std::set<uint32_t>{pool_base, pool_base + 6 * range, pool_base + 7 * range}));
    EXPECT_EQ(prepare(request("d")).error().code, Errc::Busy);
    EXPECT_FALSE(fs::exists("/var/lib/holm/machines/d"));
    EXPECT_TRUE(release(request("b").name, Keep::Nothing));
    EXPECT_TRUE(prepare(request("d")));
}

TEST_F(Planner, AtTheSameTimeToo)
{
    std::vector<pid_t> planners;
    for (int i = 0; i < 8; ++i) {
        planners.push_back(fork());
        if (planners.back() == 0) _exit(prepare(request(fmt::format("m{}", i))) ? 0 : 1);
    }
    for (pid_t planner : planners) {
        int status = 0;
        EXPECT_EQ(waitpid(planner, &status, 0), planner);
        EXPECT_EQ(status, 0);
    }
    std::set<uint32_t> bases;
    for (int i = 0; i < 8; ++i) bases.insert(read_identity(request(fmt::format("m{}", i)).name)->value().ids.base);
    EXPECT_EQ(bases.size(), 8U);
}

TEST_F(Planner, AnOverlappingRangeOfTheUsersIsRefused)
{
    PlanRequest first = request("db"), second = request("web");
    first.spec->security.users = {machine::UsersKind::Range, 2000 * range, 2 * range};
    second.spec->security.users = {machine::UsersKind::Range, 2001 * range, range};
    EXPECT_EQ(base_of(first), 2000 * range);
    EXPECT_EQ(prepare(second).error().text,
              "user ids of machine 'web': the id range 131137536:65536 overlaps 131072000:131072 of machine 'db'");
}

TEST_F(Planner, ACopiedIdentityIsDrawnAnew)
{
    ASSERT_NE(base_of(request("a")), 0U);
    fs::create_directories("/var/lib/holm/machines/b");
    fs::copy_file("/var/lib/holm/machines/a/identity.toml", "/var/lib/holm/machines/b/identity.toml");
    EXPECT_NE(base_of(request("b")), base_of(request("a")));
}

TEST_F(Planner, OneBrokenIdentityStopsOneMachine)
{
    write_file("/var/lib/holm/machines/broken/identity.toml", "uuid = 5\n");
    EXPECT_TRUE(prepare(request("web")));
    auto broken = prepare(request("broken"));
    ASSERT_FALSE(broken);
    EXPECT_TRUE(broken.error().text.contains("/var/lib/holm/machines/broken/identity.toml:1:")) << broken.error().text;
}

TEST_F(Planner, DefinitionsAndImages)
{
    write_file("/etc/holm/machines/web.toml", "[root]\npath = \"/mnt/root\"\nmode = \"ephemeral\"\n");
    write_file("/var/lib/machines/img/sbin/init", "", 0755);
    PlanRequest asked = request("web");
    asked.spec.reset();
    asked.unit = launch::UnitKind::Service;
    auto plan = prepare(asked);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->unit.name, "holm@web.service");
    EXPECT_EQ(plan->rootfs.upper, rootfs::Upper::Memory);

    asked.name = *machine::parse_name("img");
    plan = prepare(asked);
    ASSERT_TRUE(plan) << plan.error().text;
    EXPECT_EQ(plan->rootfs.lower, std::vector<std::string>{"/var/lib/machines/img"});
    EXPECT_TRUE(plan->payload.boot);

    asked.name = *machine::parse_name("wek");
    EXPECT_EQ(prepare(asked).error().code, Errc::NotFound);
    EXPECT_TRUE(prepare(asked).error().text.contains("web"));
}

TEST_F(Planner, AUnitThatSystemdHasNotReadIsSaid)
{
    write_file("/etc/holm/machines/web.toml", "[root]\npath = \"/mnt/root\"\nmode = \"ephemeral\"\n[unit]\nafter = [\"a.service\"]\n");
    PlanRequest asked = request("web");
    asked.spec.reset();
    asked.unit = launch::UnitKind::Service;
    auto said = [&] {
        auto plan = prepare(asked);
        EXPECT_TRUE(plan) << plan.error().text;
        return plan && std::ranges::any_of(plan->warnings, [](const std::string& text) { return text.contains("daemon-reload"); });
    };
    EXPECT_TRUE(said());
    const std::string drop_in = "/run/systemd/generator/holm@web.service.d/10-holm.conf";
    write_file(drop_in, "[Unit]\nDescription=Machine web: of old\nAfter=a.service\n");
    EXPECT_FALSE(said());
    write_file(drop_in, "[Unit]\nAfter=a.service\n[Service]\nSlice=b.slice\n");
    EXPECT_TRUE(said());
}

TEST_F(Planner, SaysWhatItLooksAt)
{
    std::vector<std::string> looked;
    PlanRequest asked = request("web");
    asked.looking_at = [&](std::string_view path) { looked.emplace_back(path); };
    EXPECT_TRUE(prepare(asked));
    EXPECT_EQ(looked, (std::vector<std::string>{"/mnt/root", "/mnt/root", "users of the host"}));
}

}  // namespace
}  // namespace holm::daemon
