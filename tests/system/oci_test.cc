// OCI images: in with every check, run as the image says, out again as they were.
#include "archive.h"
#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

std::string store_listing()
{
    return sh("ls -A /var/lib/holm/layers /var/lib/holm/images /var/lib/holm/images/.manifests | grep -v '^.lock$'").out;
}

std::string plan_of(const std::string& machine)
{
    return content_of(fmt::format("/run/holm/machines/{}/plan.toml", machine));
}

// The lower layer has files; the upper hides one, replaces a folder, and adds one.
Layout two_layers(const std::string& busybox)
{
    return {.layers = {{.tar = tar_of({{.name = "bin", .type = '5', .mode = 0755},
                                       {.name = "bin/busybox", .content = busybox, .mode = 0755},
                                       {.name = "bin/sh", .type = '1', .link = "bin/busybox"},
                                       {.name = "bin/cat", .type = '2', .link = "busybox"},
                                       {.name = "bin/ls", .type = '2', .link = "busybox"},
                                       {.name = "bin/id", .type = '2', .link = "busybox"},
                                       {.name = "etc", .type = '5', .mode = 0755},
                                       {.name = "etc/passwd", .content = "root:x:0:0::/root:/bin/sh\nweb:x:1234:1234::/srv:/bin/sh\n"},
                                       {.name = "etc/hidden", .content = "lower"},
                                       {.name = "old", .type = '5', .mode = 0755},
                                       {.name = "old/gone", .content = "lower"},
                                       {.name = "srv", .type = '5', .mode = 0755, .owner = 1234}})},
                       {.tar = tar_of({{.name = "etc/.wh.hidden"},
                                       {.name = "old/new", .content = "upper"},
                                       {.name = "old", .type = '5', .mode = 0755},
                                       {.name = "old/.wh..wh..opq"},
                                       {.name = ".wh.notthere"},
                                       {.name = "srv/page", .content = "upper\n"}})}},
            .config = R"({"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["id -un; pwd; echo $GREETING; cat page; ls /old /etc"],
                          "User": "web", "WorkingDir": "/srv", "Env": ["GREETING=hello", "PATH=/bin"]})"};
}

}  // namespace

class OciTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        busybox_ = content_of(busybox() + "/bin/busybox");
        before_ = store_listing();
    }
    void TearDown() override
    {
        for (const char* image : {"first", "second", "third"}) holmctl({"remove-image", image});
        SystemTest::TearDown();
    }
    std::string layout(const std::string& name, const Layout& layout)
    {
        write_layout(folder() + "/" + name, layout);
        return folder() + "/" + name;
    }
    void expect_refused(const Layout& bad, const char* why)
    {
        const std::string path = layout(fmt::format("bad{}", count_++), bad);
        EXPECT_TRUE(refuses(holmctl({"import-oci", path, "first"}), 1, why)) << why;
        EXPECT_EQ(store_listing(), before_) << why;
    }
    std::string busybox_, before_;
    int count_ = 0;
};

TEST_F(OciTest, RunsAsTheImageSays)
{
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("image", two_layers(busybox_)), "first"})));
    const Outcome ran = holmctl({"run", "--rm", "--network=none", "--image=first"});
    EXPECT_EQ(ran.out, "web\n/srv\nhello\nupper\n/etc:\npasswd\n\n/old:\nnew\n") << ran.err;
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=first", "--user=root", "--env=GREETING=own", "--", "/bin/sh", "-c",
                       "id -un; echo $GREETING"})
                  .out,
              "root\nown\n");
    EXPECT_TRUE(has(holmctl({"image-status", "first"}).out, "/bin/sh -c"));
}

TEST_F(OciTest, ItsHealthcheckIsTheMachines)
{
    Layout image = two_layers(busybox_);
    image.config = R"({"Entrypoint": ["/bin/busybox", "sleep", "1000"], "Env": ["PATH=/bin"],
                       "Healthcheck": {"Test": ["CMD-SHELL", "test -e /srv/page"], "Interval": 1000000000, "Timeout": 5000000000,
                                       "StartPeriod": 7, "Retries": 1}})";
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("image", image), "first"})));
    const std::string out = folder() + "/out", shown = "Health: /bin/sh -c test -e /srv/page (every 1s, at most 5s each, retries 1)\n";
    EXPECT_TRUE(has(holmctl({"image-status", "first"}).out, shown));
    ASSERT_TRUE(succeeds(holmctl({"export-oci", "first", out})));
    ASSERT_TRUE(succeeds(holmctl({"import-oci", out, "second"})));
    EXPECT_TRUE(has(holmctl({"image-status", "second"}).out, shown));
    EXPECT_TRUE(
        has(sh(fmt::format("cat {}/blobs/sha256/* | grep -ao '\"Healthcheck\":{{[^}}]*}}'", out)).out,
            R"({"Test":["CMD-SHELL","test -e /srv/page"],"Interval":1000000000,"Timeout":5000000000,"StartPeriod":7,"Retries":1})"));

    const std::string machine = name();
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine, "--network=none", "--image=first"})));
    EXPECT_TRUE(has(plan_of(machine), "[payload.health]"));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Health") == "s \"healthy\""; }));
    EXPECT_TRUE(succeeds(holmctl({"commit", machine, "third"})));
    EXPECT_TRUE(has(holmctl({"image-status", "third"}).out, shown));
    EXPECT_TRUE(succeeds(holmctl({"exec", machine, "--", "/bin/busybox", "rm", "/srv/page"})));
    EXPECT_TRUE(eventually([&] { return machine_property(machine, "Health") == "s \"unhealthy\""; }));
    EXPECT_EQ(state_of(machine), "running");
    take_away(machine);

    // Of another command nobody asks.
    const std::string other = name();
    ASSERT_TRUE(succeeds(
        holmctl({"run", "--detach", "--name=" + other, "--network=none", "--image=first", "--", "/bin/busybox", "sleep", "1000"})));
    EXPECT_TRUE(has(plan_of(other), "[payload]"));
    EXPECT_FALSE(plan_of(other).contains("payload.health"));
    take_away(other);
}

TEST_F(OciTest, AWorkingDirectoryThatIsInNoLayerIsMade)
{
    Layout image = two_layers(busybox_);
    image.layers.push_back({.tar = tar_of({{.name = "dev", .type = '5', .mode = 0755},
                                           {.name = "proc", .type = '5', .mode = 0755},
                                           {.name = "run", .type = '5', .mode = 0755},
                                           {.name = "sys", .type = '5', .mode = 0755},
                                           {.name = "tmp", .type = '5', .mode = 01777}})});
    image.config = R"({"Entrypoint": ["/bin/sh", "-c"], "Cmd": ["pwd; /bin/busybox stat -c '%a %u:%g' . .."], "User": "web",
                       "WorkingDir": "/work dir/inner", "Env": ["PATH=/bin"]})";
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("image", image), "first"})));
    auto run_with = [](const char* option) { return holmctl({"run", "--rm", "--network=none", "--image=first", option}); };
    EXPECT_EQ(run_with("--ephemeral").out, "/work dir/inner\n755 0:0\n755 0:0\n");
    const Outcome sealed = run_with("--read-only"), absent = run_with("--workdir=/nowhere");
    EXPECT_TRUE(exits(sealed, 125));
    EXPECT_TRUE(has(sealed.err, "cannot make the working directory '/work dir/inner'"));
    EXPECT_TRUE(has(sealed.err, "Read-only file system"));
    EXPECT_TRUE(exits(absent, 125));
    EXPECT_TRUE(has(absent.err, "cannot use the working directory '/nowhere'"));
}

TEST_F(OciTest, AnArchiveAndDockerSaveAreTaken)
{
    const std::string image = layout("image", two_layers(busybox_));
    ASSERT_TRUE(succeeds(sh(fmt::format("tar -C {0} -czf {0}.tar.gz . && cat {0}.tar.gz | holmctl import-oci - first", image))));
    // What docker save writes: paths, and no digests but those in the config.
    const Layout both = two_layers(busybox_);
    const std::string saved = folder() + "/saved";
    make_folder(saved);
    std::string diff_ids, layers;
    for (size_t i = 0; i < both.layers.size(); ++i) {
        make_folder(fmt::format("{}/{}", saved, i));
        write_file(fmt::format("{}/{}/layer.tar", saved, i), both.layers[i].tar);
        diff_ids += fmt::format("{}\"sha256:{}\"", i ? ", " : "", sha256(both.layers[i].tar));
        layers += fmt::format("{}\"{}/layer.tar\"", i ? ", " : "", i);
    }
    const std::string config =
        fmt::format(R"({{"os": "linux", "architecture": "amd64", "config": {}, "rootfs": {{"diff_ids": [{}]}}}})", both.config, diff_ids);
    write_file(fmt::format("{}/{}.json", saved, sha256(config)), config);
    write_file(saved + "/manifest.json",
               fmt::format(R"([{{"Config": "{}.json", "RepoTags": ["x:1"], "Layers": [{}]}}])", sha256(config), layers));
    ASSERT_TRUE(succeeds(sh(fmt::format("tar -C {0} -cf {0}.tar . && holmctl import-oci {0}.tar second", saved))));
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "2");
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=second"}).out,
              holmctl({"run", "--rm", "--network=none", "--image=first"}).out);
}

// Of a skopeo that fails the first time, when it has fetched one file.
TEST_F(OciTest, APullGoesOnFromWhereItFailed)
{
    const std::string source = layout("source", two_layers(busybox_)), tools = folder() + "/tools";
    make_folder(tools);
    write_file(
        tools + "/skopeo",
        fmt::format("#!/bin/sh\nto=${{4#oci:}}\n[ -e $to/fetched ] && exec cp -a {}/. $to\nmkdir -p $to && touch $to/fetched\nexit 1\n",
                    source),
        0755);
    const std::string pull = fmt::format("PATH={}:$PATH holmctl pull-oci example.org/web first", tools);
    EXPECT_TRUE(has(sh(pull).err, "skopeo could not fetch"));
    EXPECT_TRUE(succeeds(sh(pull)));
    EXPECT_EQ(sh("ls -d /var/tmp/holm-pull-* 2>/dev/null").out, "");
    EXPECT_TRUE(has(holmctl({"run", "--rm", "--image=first", "--network=none"}).out, "web\n/srv\nhello"));
}

// Of one that fails before it has fetched anything, as of a name that is mistyped.
TEST_F(OciTest, APullThatFetchedNothingLeavesNothing)
{
    const std::string tools = folder() + "/tools";
    make_folder(tools);
    write_file(tools + "/skopeo", "#!/bin/sh\nto=${4#oci:}\nmkdir -p $to/blobs/sha256\nexit 1\n", 0755);
    EXPECT_TRUE(has(sh(fmt::format("PATH={}:$PATH holmctl pull-oci example.org/mistyped first", tools)).err, "skopeo could not fetch"));
    EXPECT_EQ(sh("ls -d /var/tmp/holm-pull-* 2>/dev/null").out, "");
}

// Of what has the name already nothing is fetched, and the sentence is the import's.
TEST_F(OciTest, APullOntoATakenNameFetchesNothing)
{
    const std::string tools = folder() + "/tools", fetched = folder() + "/fetched", good = layout("image", two_layers(busybox_));
    make_folder(tools);
    write_file(tools + "/skopeo", fmt::format("#!/bin/sh\ntouch {}\nexit 1\n", fetched), 0755);
    auto pull = [&](const char* options) {
        return sh(fmt::format("PATH={}:$PATH holmctl pull-oci {} example.org/web first", tools, options));
    };

    make_folder("/var/lib/holm/images/first");
    for (const char* options : {"", "--force"}) {
        const Outcome plain = pull(options);
        EXPECT_TRUE(refuses(plain, 1, "exists already: '/var/lib/holm/images/first', which no other image replaces")) << options;
        EXPECT_EQ(plain.err, holmctl({"import-oci", good, "first"}).err) << options;
    }
    sh("rmdir /var/lib/holm/images/first");

    ASSERT_TRUE(succeeds(holmctl({"import-oci", good, "first"})));
    const Outcome stored = pull("");
    EXPECT_TRUE(refuses(stored, 1, "--force replaces it"));
    EXPECT_EQ(stored.err, holmctl({"import-oci", good, "first"}).err);
    EXPECT_FALSE(exists(fetched));
    EXPECT_EQ(sh("ls -d /var/tmp/holm-pull-* 2>/dev/null").out, "");
    EXPECT_TRUE(has(pull("--force").err, "skopeo could not fetch"));
    EXPECT_TRUE(exists(fetched));
}

// As `umoci insert` of Debian 12 writes them: without the blocks that end an archive, and without what fills the last one up.
TEST_F(OciTest, ALayerMayEndBehindItsLastByte)
{
    Layout image = two_layers(busybox_);
    std::string& upper = image.layers[1].tar;
    upper.resize(upper.find_last_not_of('\0') + 1);
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("image", image), "first"})));
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=first"}).out, "web\n/srv\nhello\nupper\n/etc:\npasswd\n\n/old:\nnew\n");
    ASSERT_TRUE(succeeds(holmctl({"remove-image", "first"})));
    upper.resize(upper.size() - 2);
    expect_refused(image, "ends within a file");
}

TEST_F(OciTest, WhatDoesNotAddUpIsRefused)
{
    const Layout good = two_layers(busybox_);
    const std::string wrong = "sha256:" + std::string(64, '0');
    auto with = [&](auto change) {
        Layout bad = good;
        change(bad);
        return bad;
    };
    expect_refused(with([&](Layout& bad) { bad.layers[1].digest = wrong; }), "missing");
    expect_refused(with([&](Layout& bad) { bad.layers[1].diff_id = wrong; }), "diff_id");
    expect_refused(with([&](Layout& bad) { bad.layers[1].size = 3; }), "bytes where 3 are said");
    expect_refused(with([&](Layout& bad) { bad.layers[1].digest = "sha256:../../../../etc/passwd"; }), "no digest");
    expect_refused(with([&](Layout& bad) { bad.layers[1].media_type = "application/vnd.oci.image.layer.v1.tar+gzip"; }), "compressed");
    expect_refused(with([&](Layout& bad) { bad.layers[1].media_type = "text/plain"; }), "text/plain");
    expect_refused(with([&](Layout& bad) { bad.manifest_type = "application/vnd.oci.image.index.v1+json"; }), "index");
    expect_refused(with([&](Layout& bad) { bad.more_in_manifest = R"(, "manifests": [])"; }), "at once");
    expect_refused(with([&](Layout& bad) { bad.platform = R"(, "platform": {"os": "linux", "architecture": "s390x"})"; }), "s390x");
    expect_refused(with([&](Layout& bad) { bad.config = R"({"Env": ["A"]})"; }), "KEY=VALUE");
    expect_refused(with([&](Layout& bad) { bad.layers.resize(1), bad.layers.resize(300, bad.layers[0]); }), "300 layers");
    const std::string path = layout("swapped", good);
    sh(fmt::format("cd {}/blobs/sha256 && for blob in *; do printf x | dd of=$blob bs=1 seek=200 conv=notrunc status=none; done", path));
    EXPECT_TRUE(refuses(holmctl({"import-oci", path, "first"}), 1, "another content"));
    EXPECT_EQ(store_listing(), before_);
}

TEST_F(OciTest, WhiteoutsStayInTheirLayer)
{
    auto refused = [&](const std::vector<Member>& members, const char* why) {
        Layout bad = two_layers(busybox_);
        bad.layers.push_back({.tar = tar_of(members)});
        expect_refused(bad, why);
    };
    refused({{.name = ".wh."}}, "whiteout of nothing");
    refused({{.name = "etc/.wh.."}}, "whiteout of nothing");
    refused({{.name = "etc/.wh..."}}, "whiteout of nothing");
    refused({{.name = "out", .type = '2', .link = "/"}, {.name = "out/.wh.etc"}}, "symbolic link");
    refused({{.name = "etc/.wh.x", .content = "x"}}, "no empty file");
    refused({{.name = "etc/.wh..wh..opq", .type = '2', .link = "/"}}, "no empty file");
    refused({{.name = ".wh.x", .type = '5', .mode = 0755}, {.name = ".wh.x/y", .content = "y"}}, "");
    refused({{.name = ".wh.x"}, {.name = "y", .type = '1', .link = "x"}}, "cannot have one");
    // In one layer, what it has itself stays, in whatever order.
    Layout odd = two_layers(busybox_);
    odd.layers.push_back({.tar = tar_of({{.name = "srv/.wh.page"},
                                         {.name = "srv/page", .content = "own\n"},
                                         {.name = "old/file", .content = ""},
                                         {.name = ".wh.old"}})});
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("odd", odd), "first"})));
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=first"}).out, "web\n/srv\nhello\nown\n/etc:\npasswd\n\n/old:\nfile\n");
}

TEST_F(OciTest, OutAndInAgainIsTheSame)
{
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("image", two_layers(busybox_)), "first"})));
    const std::string out = folder() + "/out";
    ASSERT_TRUE(succeeds(holmctl({"export-oci", "first", out})));
    ASSERT_TRUE(succeeds(holmctl({"export-oci", "first", out + ".tar", "--format=gzip"})));
    ASSERT_TRUE(succeeds(sh("cd " + folder() + " && sha256sum -c SHA256SUMS || test ! -e SHA256SUMS")));
    EXPECT_TRUE(refuses(holmctl({"import-tar", out + ".tar", "second"}), 1, "'holmctl import-oci' takes it"));
    ASSERT_TRUE(succeeds(holmctl({"import-oci", out, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"import-oci", out + ".tar", "third"})));
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "2");
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=third"}).out,
              holmctl({"run", "--rm", "--network=none", "--image=first"}).out);
    // Merged, the same as one layer.
    ASSERT_TRUE(succeeds(sh(
        fmt::format("cd {} && holmctl export-tar first root.tar.zst && sha256sum -c SHA256SUMS && "
                    "holmctl import-tar root.tar.zst third --force && holmctl run --rm --network=none --image=third -- /bin/ls /old /etc",
                    folder()))));
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=third", "--", "/bin/ls", "/old", "/etc"}).out,
              "/etc:\npasswd\n\n/old:\nnew\n");
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
}

TEST_F(OciTest, TheStoreIsKeptInOrder)
{
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("image", two_layers(busybox_)), "first"})));
    ASSERT_TRUE(succeeds(holmctl({"clone-image", "first", "second"})));
    EXPECT_TRUE(refuses(holmctl({"clone-image", "first", "second"}), 1, "exists"));
    ASSERT_TRUE(succeeds(holmctl({"read-only", "second"})));
    EXPECT_TRUE(refuses(holmctl({"remove-image", "second"}), 1, "read-only"));
    ASSERT_TRUE(succeeds(holmctl({"read-only", "second", "no"})));
    EXPECT_TRUE(has(holmctl({"df"}).out, "first"));
    EXPECT_TRUE(succeeds(holmctl({"fsck"})));
    ASSERT_TRUE(succeeds(sh("rm /var/lib/holm/images/first.toml /var/lib/holm/images/second.toml")));
    EXPECT_TRUE(has(holmctl({"prune", "--dry-run"}).out, "layer"));
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "2");
    EXPECT_TRUE(succeeds(holmctl({"prune"})));
    EXPECT_EQ(store_listing(), before_);
}

TEST_F(OciTest, DamageIsFound)
{
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout("image", two_layers(busybox_)), "first"})));
    ASSERT_TRUE(succeeds(sh("echo changed >$(ls -d /var/lib/holm/layers/*/tree/etc/passwd)")));
    EXPECT_TRUE(succeeds(holmctl({"fsck"})));
    EXPECT_TRUE(refuses(holmctl({"fsck", "--deep"}), 1, "another content"));
    ASSERT_TRUE(succeeds(sh("rm -r $(dirname $(ls -d /var/lib/holm/layers/*/tree/bin))")));
    EXPECT_EQ(holmctl({"fsck"}).code, 1);
    EXPECT_TRUE(refuses(holmctl({"run", "--rm", "--network=none", "--image=first"}), 125, "is missing"));
}

// CVE-2026-55686, CVE-2025-9566, CVE-2022-23648, CVE-2024-40635: what the configuration of an image names, by its own links and dots, or so
// large that it would be another.
TEST_F(OciTest, WhatTheConfigurationNamesStaysInside)
{
    const std::string canary = folder() + "/canary";
    make_folder(canary);
    write_file(canary + "/file", "untouched\n");
    const std::string before = hash_of_tree(canary);
    Layout image = two_layers(busybox_);
    image.layers[1].tar = tar_of({{.name = "w", .type = '5', .mode = 0755},
                                  {.name = "w/link", .type = '2', .link = canary},
                                  {.name = "w/up", .type = '2', .link = "../../../../../../.." + canary},
                                  {.name = "w/proc", .type = '2', .link = "/proc/1/root" + canary}});
    for (const char* config : {R"("WorkingDir": "/w/link/x")", R"("WorkingDir": "/w/link")", R"("WorkingDir": "/w/up/x")",
                               R"("WorkingDir": "/w/proc")", R"("WorkingDir": "/proc/self/fd/5")", R"("WorkingDir": "/../../../w/up")",
                               R"("Volumes": {"/../../etc": {}, "/w/link/volume": {}, "w/up": {}})", R"("User": "4294967296")",
                               R"("User": "99999999999:0")", R"("User": "-1")", R"("User": "0x0")"}) {
        image.config = fmt::format(R"({{"Entrypoint": ["/bin/sh", "-c", "id -u; pwd; ls"], {}}})", config);
        const std::string path = layout(fmt::format("odd{}", count_++), image);
        if (holmctl({"import-oci", "--force", path, "first"}).code == 0) {
            const Outcome ran = holmctl({"run", "--rm", "--network=none", "--image=first"});
            EXPECT_FALSE(ran.out.contains("file")) << config << ran.out;
            if (std::string_view(config).starts_with("\"User")) {
                EXPECT_EQ(ran.out, "") << config;
            }
            if (std::string_view(config).starts_with("\"Work")) {
                EXPECT_TRUE(has(ran.err, "working directory")) << config;
            }
            EXPECT_TRUE(ran.code == 0 || ran.code == 125) << config << ": " << testing::PrintToString(ran);
        }
        EXPECT_EQ(hash_of_tree(canary), before) << config;
    }
}

}  // namespace holm::test
