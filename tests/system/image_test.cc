// The image store: what goes in runs, is shared and goes again; what is bad is refused and leaves nothing.
#include <sys/xattr.h>

#include <algorithm>

#include "archive.h"
#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

// What lies in a folder of the store, hidden work in progress too.
std::string listing(const std::string& folder)
{
    return sh("ls -A " + folder + " 2>/dev/null | grep -v '^.lock$' || true").out;
}

}  // namespace

class ImageTest : public SystemTest {
protected:
    // The folders of the store are made at their first use.
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers /var/lib/machines && touch /var/lib/holm/layers/.lock && "
           "chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        for (const std::string& image : images_) holmctl({"remove-image", image});
        sh("rm -rf /var/lib/holm/layers/* /var/lib/holm/images/.manifests/*");  // of images whose name was given to another
        SystemTest::TearDown();
    }

    // A tar archive of a root with busybox, and `more` done in it first.
    std::string archive(const std::string& more = "true", const std::string& options = "--zstd")
    {
        const std::string root = busybox(), path = folder() + "/root.tar";
        EXPECT_TRUE(succeeds(sh(fmt::format("cd {} && {} && tar {} --xattrs --acls -cf {} .", root, more, options, path))));
        return path;
    }
    std::string image(const std::string& stem = "image")
    {
        images_.push_back(name(stem));
        return images_.back();
    }
    // One that is imported.
    std::string imported(const std::string& more = "true")
    {
        std::string made = image();
        EXPECT_TRUE(succeeds(holmctl({"import-tar", archive(more), made})));
        return made;
    }
    Outcome run_image(const std::string& image, std::vector<std::string> command, std::vector<std::string> options = {"--rm"})
    {
        std::vector<std::string> words = {"run", "--image=" + image};
        words.insert(words.end(), options.begin(), options.end());
        words.emplace_back("--");
        words.insert(words.end(), command.begin(), command.end());
        return holmctl(words);
    }
    // A store without anything in it, and no work in progress.
    static void expect_empty_store()
    {
        EXPECT_EQ(listing("/var/lib/holm/layers"), "");
        EXPECT_EQ(listing("/var/lib/holm/images/.manifests"), "");
    }

    std::vector<std::string> images_;
};

TEST_F(ImageTest, ATarBecomesAnImageThatRuns)
{
    const std::string made = imported("echo planted >etc/planted");
    EXPECT_EQ(run_image(made, {"/bin/cat", "/etc/planted"}).out, "planted\n");
    EXPECT_TRUE(has(holmctl({"list-images"}).out, made));
    EXPECT_TRUE(has(holmctl({"--json=short", "list-images"}).out, "\"type\":\"layers\""));
    EXPECT_TRUE(has(holmctl({"image-status", made}).out, "sha256:"));
    EXPECT_TRUE(has(sh("busctl call org.holm1 /org/holm1 org.holm1.Manager GetImage s " + made).out, "/org/holm1/image/"));
}

TEST_F(ImageTest, MachinesShareItAndKeepWhatTheyChange)
{
    const std::string made = imported(), machine = name();
    EXPECT_TRUE(succeeds(run_image(made, {"/bin/sh", "-c", "echo mine >/etc/mine"}, {"--name=" + machine})));
    EXPECT_TRUE(refuses(holmctl({"remove-image", made}), 1, machine));
    EXPECT_TRUE(succeeds(holmctl({"import-tar", archive("echo other >etc/other"), made, "--force"})));
    EXPECT_EQ(content_of("/var/lib/holm/machines/" + machine + "/upper/etc/mine"), "mine\n");
    // It stays on the layers that it was made on, whatever the name means now.
    EXPECT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_FALSE(exists("/var/lib/holm/machines/" + machine + "/upper/etc/other"));
    EXPECT_EQ(run_image(made, {"/bin/cat", "/etc/other"}).out, "other\n");
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

TEST_F(ImageTest, OneOfSeveralNamesGoesWhileMachinesLieOnTheImage)
{
    const std::string made = imported(), copy = image(), machine = name();
    EXPECT_TRUE(succeeds(holmctl({"clone-image", made, copy})));
    EXPECT_TRUE(succeeds(run_image(made, {"/bin/true"}, {"--name=" + machine})));
    EXPECT_TRUE(refuses(holmctl({"remove-image", made}), 1, "the record of machine '" + machine + "' names it"));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", copy})));
    EXPECT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

// By whatever the quick fsck sees, and by its content, which only the deep one does; an import of the image mends both.
TEST_F(ImageTest, ADamagedLayerStartsNothingAndIsReplacedByAnImport)
{
    const std::string made = imported("echo whole >etc/whole"), path = folder() + "/root.tar";
    const std::string layer = std::string(trim(sh("echo /var/lib/holm/layers/*/layer.toml").out)), tree = layer.substr(0, layer.rfind('/'));
    const std::string known = content_of(layer),
                      other = std::string("digest = \"sha256:") + std::string(64, 'a') + "\"\nsize = 1\nentries = 1\n";
    for (const std::string& text : {std::string(), std::string("no toml"), other}) {
        write_file(layer, text);
        EXPECT_EQ(holmctl({"fsck"}).code, 1) << text;
        EXPECT_TRUE(refuses(run_image(made, {"/bin/true"}), 125, "is damaged")) << text;
        ASSERT_TRUE(succeeds(holmctl({"import-tar", path, made, "--force"})));
        EXPECT_EQ(content_of(layer), known);
        EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
    }
    write_file(tree + "/tree/etc/whole", "damaged\n");
    EXPECT_TRUE(succeeds(holmctl({"fsck"})));
    EXPECT_TRUE(refuses(holmctl({"fsck", "--deep"}), 1, "has another content"));
    const std::string machine = name();
    ASSERT_TRUE(succeeds(run_image(made, {"/bin/sleep", "1000"}, {"--detach", "--name=" + machine})));
    EXPECT_TRUE(refuses(holmctl({"import-tar", path, made, "--force"}), 1, "machine '" + machine + "' runs on it"));
    EXPECT_EQ(holmctl({"exec", machine, "--", "/bin/cat", "/etc/whole"}).out, "damaged\n") << "what runs is left alone";
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    ASSERT_TRUE(succeeds(holmctl({"import-tar", path, made, "--force"})));
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
    EXPECT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_EQ(holmctl({"exec", machine, "--", "/bin/cat", "/etc/whole"}).out, "whole\n");
    EXPECT_TRUE(succeeds(holmctl({"stop", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

// Nobody gets half of a root for the whole of it.
TEST_F(ImageTest, WhatGoesWhileItIsExportedIsNoWholeExport)
{
    const std::string more = "mkdir many; i=0; while [ $i -lt 3000 ]; do echo $i >many/$i; i=$((i+1)); done", out = folder() + "/out";
    for (const char* verb : {"export-tar", "export-oci"}) {
        for (int attempt = 0; attempt < count(20, 2); ++attempt) {
            const std::string made = imported(more), file = fmt::format("{}-{}-{}.tar", out, verb, attempt);
            Process write({"holmctl", verb, made, file});
            sleep_for(milliseconds(attempt * 30));
            EXPECT_TRUE(succeeds(holmctl({"remove-image", made})));
            if (write.wait().code != 0) {
                EXPECT_FALSE(exists(file));
                continue;
            }
            const std::string again = image();
            ASSERT_TRUE(succeeds(holmctl({verb == std::string("export-tar") ? "import-tar" : "import-oci", file, again})));
            EXPECT_EQ(run_image(again, {"/bin/sh", "-c", "ls /many | wc -l"}).out, "3000\n") << verb << " " << attempt;
            EXPECT_TRUE(succeeds(holmctl({"remove-image", again})));
        }
    }
}

TEST_F(ImageTest, AMachineThatIsExportedIsNeitherStartedNorRemoved)
{
    const std::string made = imported(), machine = name(), out = folder() + "/out.tar";
    ASSERT_TRUE(succeeds(
        run_image(made, {"/bin/sh", "-c", "i=0; while [ $i -lt 5000 ]; do echo $i >/$i; i=$((i+1)); done"}, {"--name=" + machine})));
    Process write({"holmctl", "export-tar", machine, out});
    ASSERT_TRUE(eventually([] { return !sh("pgrep -x holm-store").out.empty(); }));
    const Outcome start = holmctl({"start", machine}), remove = holmctl({"remove", machine});
    ASSERT_TRUE(succeeds(write.wait()));
    for (const Outcome& outcome : {start, remove}) EXPECT_TRUE(refuses(outcome, 1, "is being exported"));
    EXPECT_EQ(sh(fmt::format("tar -tf {} | grep -cE '^(\\./)?[0-9]+$'", out)).out, "5000\n");
    EXPECT_TRUE(eventually([&] { return holmctl({"start", machine}).code == 0; }));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    // One without an image below it is exported too.
    const std::string lower = busybox(), other = name();
    ASSERT_TRUE(
        succeeds(holmctl({"run", "--name=" + other, "--lower=" + lower, "--network=none", "--", "/bin/sh", "-c", "echo own >/own"})));
    ASSERT_TRUE(succeeds(holmctl({"export-tar", other, out + ".own"})));
    EXPECT_EQ(sh(fmt::format("tar -tf {} | grep -cE '^(\\./)?(own|bin/busybox)$'", out + ".own")).out, "2\n");
    for (const std::string& one : {machine, other}) EXPECT_TRUE(succeeds(holmctl({"remove", one})));
}

TEST_F(ImageTest, AFolderAndATarOfItAreOneLayer)
{
    const std::string root = busybox(), path = folder() + "/root.tar", first = image(), second = image();
    ASSERT_EQ(::setxattr((root + "/bin/busybox").c_str(), "user.note", "kept", 4, 0), 0);
    ASSERT_TRUE(
        succeeds(sh(fmt::format("cd {} && ln bin/busybox second-name && truncate -s 1M sparse && tar --xattrs -S -cf {} .", root, path))));
    ASSERT_TRUE(succeeds(holmctl({"import-tar", path, first})));
    ASSERT_TRUE(succeeds(holmctl({"import-fs", root, second})));
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "1");
    const std::string tree = std::string(trim(sh("echo /var/lib/holm/layers/*/tree").out));
    char note[8] = "";
    EXPECT_EQ(::getxattr((tree + "/bin/busybox").c_str(), "user.note", note, sizeof note), 4);
    EXPECT_EQ(std::string_view(note), "kept");
    EXPECT_EQ(trim(sh("stat -c %h " + tree + "/bin/busybox").out), "2");
    EXPECT_TRUE(succeeds(holmctl({"remove-image", first})));
    EXPECT_TRUE(exists(tree));
    EXPECT_EQ(run_image(second, {"/bin/echo", "there"}).out, "there\n");
    EXPECT_TRUE(succeeds(holmctl({"remove-image", second})));
    expect_empty_store();
}

// The times to the nanosecond, those of the root itself too.
TEST_F(ImageTest, OutAsATarAndInAgainIsTheSameLayer)
{
    const std::string root = busybox(), path = folder() + "/out.tar", first = image(), second = image();
    ASSERT_TRUE(succeeds(sh(fmt::format("cd {} && touch -d '2024-01-02 03:04:05.123456789' bin/busybox bin .", root))));
    ASSERT_TRUE(succeeds(holmctl({"import-fs", root, first})));
    ASSERT_TRUE(succeeds(holmctl({"export-tar", first, path})));
    ASSERT_TRUE(succeeds(holmctl({"import-tar", path, second})));
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "1");
    EXPECT_EQ(trim(sh("stat -c %y /var/lib/holm/layers/*/tree | cut -d' ' -f2").out), "03:04:05.123456789");
}

// A file is hashed once it is whole, while others still come: what an archive then does to it counts.
TEST_F(ImageTest, WhatAnArchiveTakesBackIsNotInItsDigest)
{
    const std::string first = image(), second = image(), path = folder() + "/twice.tar";
    std::vector<Member> members;
    auto add = [&](const std::string& word) {
        for (int i = 0; i < 200; ++i) members.push_back({.name = fmt::format("file{}", i), .content = word + std::string(100'000, 'x')});
    };
    add("first");
    members.push_back({.name = "link", .type = '1', .content = "", .link = "file7"});
    add("second");
    members.push_back({.name = "last", .type = '1', .content = "", .link = "file8"});
    write_file(path, tar_of(members));
    ASSERT_TRUE(succeeds(holmctl({"import-tar", path, first})));
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
    const std::string tree = std::string(trim(sh("echo /var/lib/holm/layers/*/tree").out));
    EXPECT_TRUE(content_of(tree + "/file7").starts_with("second"));
    EXPECT_TRUE(content_of(tree + "/link").starts_with("first"));
    ASSERT_TRUE(succeeds(holmctl({"import-fs", tree, second})));
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "1");
}

TEST_F(ImageTest, StandardInputAndEveryCompressionAreTaken)
{
    for (const char* option : {"", "--gzip", "--xz", "--bzip2", "--zstd"}) {
        const std::string made = image(), path = archive("echo x >etc/x", option);
        EXPECT_TRUE(succeeds(sh(fmt::format("cat {} | holmctl import-tar - {}", path, made)))) << option;
    }
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "5");  // other roots, as busybox() makes one each time
    EXPECT_TRUE(refuses(holmctl({"import-tar", "-"}), 2, "NAME"));
}

TEST_F(ImageTest, ANameIsTakenOnce)
{
    const std::string made = imported();
    EXPECT_TRUE(refuses(holmctl({"import-tar", archive(), made}), 1, "--force"));
    EXPECT_TRUE(succeeds(holmctl({"import-tar", archive(), made, "--force", "--read-only"})));
    EXPECT_TRUE(refuses(holmctl({"import-tar", archive(), made, "--force"}), 1, "read-only"));
    EXPECT_TRUE(refuses(holmctl({"remove-image", made}), 1, "read-only"));
    sh("sed -i /read_only/d /var/lib/holm/images/" + made + ".toml");
    EXPECT_TRUE(refuses(holmctl({"remove-image", "no-such-image"}), 1, "no-such-image"));
    EXPECT_TRUE(refuses(run_image("no-such-image", {"/bin/true"}), 125, "/var/lib/holm/images"));
}

TEST_F(ImageTest, WhatIsDamagedIsRefusedAndLeavesNothing)
{
    const std::string made = image(), path = archive();
    ASSERT_TRUE(
        succeeds(sh(fmt::format("cd {} && head -c 100000 {} >cut && : >empty && head -c 5000 /dev/urandom >noise", folder(), path))));
    for (const char* bad : {"cut", "empty", "noise"})
        EXPECT_TRUE(refuses(holmctl({"import-tar", folder() + "/" + bad, made}), 1, made)) << bad;
    EXPECT_TRUE(refuses(holmctl({"import-tar", folder(), made}), 1, "neither a file nor a pipe"));
    EXPECT_TRUE(refuses(holmctl({"import-tar", "/nowhere.tar", made}), 1, "/nowhere.tar"));
    expect_empty_store();
}

TEST_F(ImageTest, AWindowThatIsTooLargeIsRefused)
{
    const std::string packed = folder() + "/packed", made = image();
    ASSERT_TRUE(succeeds(sh(fmt::format("tar -C {} -c bin | zstd -1 --long=28 >{}", busybox(), packed))));
    EXPECT_TRUE(refuses(holmctl({"import-tar", packed, made}), 1, "window of 128 MiB"));
    ASSERT_TRUE(succeeds(sh(fmt::format("tar -C {} -c bin | zstd -1 --long=27 >{}", busybox(), packed))));
    EXPECT_TRUE(succeeds(holmctl({"import-tar", packed, made})));
}

TEST_F(ImageTest, WhatIsCanceledOrKilledLeavesNothing)
{
    const std::string made = image();
    {
        Process import({"holmctl", "import-tar", "-", made});
        EXPECT_TRUE(eventually([] { return !listing("/var/lib/holm/layers").empty(); }));
        import.signal(SIGINT);
        EXPECT_TRUE(eventually([&] { return import.ended(); }));  // its input is still open
        EXPECT_EQ(import.wait().code, 1);
        EXPECT_TRUE(eventually([] { return listing("/var/lib/holm/layers").empty(); }));
    }
    {
        Process import({"holmctl", "import-tar", "-", made});
        EXPECT_TRUE(eventually([] { return !listing("/var/lib/holm/layers").empty(); }));
        sh("pkill -KILL -x holm-store");
        EXPECT_EQ(import.wait().code, 1);
        EXPECT_TRUE(eventually([] { return listing("/var/lib/holm/layers").empty(); }));
    }
    {
        Process import({"holmctl", "import-tar", "-", made});
        EXPECT_TRUE(eventually([] { return !listing("/var/lib/holm/layers").empty(); }));
        kill_holmd();
        EXPECT_EQ(import.wait().code, 1);
        holmctl({"list-images"});
        EXPECT_TRUE(eventually([] { return listing("/var/lib/holm/layers").empty(); }));
    }
}

// Wherever it lies, and whatever its file ends with: else machines would run on another image from one day to the next.
TEST_F(ImageTest, APlainImageIsHiddenByNone)
{
    const std::string stored = imported(), path = archive(), machine = name(), taken = image("taken");
    ASSERT_TRUE(succeeds(run_image(stored, {"/bin/touch", "/written"}, {"--name=" + machine})));
    for (const char* place : {"/var/lib/holm/images/", "/var/lib/machines/"})
        for (const char* ending : {"", ".raw", ".squashfs", ".erofs"}) {
            const std::string plain = place + taken + ending;
            ASSERT_TRUE(succeeds(sh(fmt::format("{} {}", *ending ? "touch" : "mkdir", plain))));
            EXPECT_TRUE(refuses(holmctl({"import-tar", path, taken}), 1, plain));
            EXPECT_TRUE(refuses(holmctl({"import-tar", path, taken, "--force"}), 1, plain));
            EXPECT_TRUE(refuses(holmctl({"clone-image", stored, taken}), 1, plain));
            EXPECT_TRUE(refuses(holmctl({"commit", machine, taken, "--force"}), 1, plain));
            EXPECT_TRUE(exists("/var/lib/holm/machines/" + machine + "/upper/written")) << "it is refused before anything is sealed";
            EXPECT_TRUE(has(holmctl({"list-images"}).out, taken)) << plain;
            const Outcome status = holmctl({"image-status", taken});
            EXPECT_TRUE(has(status.out, *ending ? "Type: raw" : "Type: directory"));
            EXPECT_TRUE(has(status.out, plain));
            EXPECT_TRUE(succeeds(holmctl({"remove-image", taken})));
            EXPECT_FALSE(exists(plain));
        }
    EXPECT_TRUE(succeeds(holmctl({"commit", machine, taken})));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

TEST_F(ImageTest, ADigestHasAStatus)
{
    const std::string made = imported(), machine = name(), status = holmctl({"image-status", made}).out;
    const std::string digest = status.substr(std::min(status.find("sha256:"), status.size()), 71);
    EXPECT_EQ(holmctl({"image-status", digest}).out, status);
    ASSERT_TRUE(succeeds(run_image(digest, {"/bin/true"}, {"--name=" + machine})));
    ASSERT_TRUE(succeeds(holmctl({"import-tar", archive("echo other >etc/other"), made, "--force"})));
    EXPECT_TRUE(holmctl({"image-status", digest}).out.starts_with(digest + "\n")) << "no name leads to it";
    EXPECT_TRUE(refuses(holmctl({"image-status", "sha256:" + std::string(64, '0')}), 1, "sha256:000"));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
}

TEST_F(ImageTest, ADamagedNameCanBeTakenAway)
{
    const std::string made = imported(), whole = imported("echo whole >etc/whole"), machine = name();
    const std::string file = "/var/lib/holm/images/" + made + ".toml", way_out = "holmctl remove-image " + made;
    ASSERT_TRUE(succeeds(run_image(made, {"/bin/true"}, {"--name=" + machine})));
    write_file(file, "");  // as a power cut may leave it
    EXPECT_TRUE(refuses(holmctl({"image-status", made}), 1, way_out));
    EXPECT_TRUE(refuses(holmctl({"prune"}), 1, way_out));
    EXPECT_TRUE(refuses(holmctl({"prune"}), 1, file));
    EXPECT_TRUE(refuses(holmctl({"remove-image", made}), 1, "the record of machine '" + machine + "' names it"));
    EXPECT_TRUE(succeeds(holmctl({"remove", machine})));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", made})));
    EXPECT_FALSE(exists(file));
    EXPECT_TRUE(succeeds(holmctl({"prune"})));
    EXPECT_EQ(trim(sh("ls /var/lib/holm/layers | wc -l").out), "1");
    EXPECT_EQ(run_image(whole, {"/bin/cat", "/etc/whole"}).out, "whole\n");
    sh("rm /var/lib/holm/images/.manifests/*.toml");
    EXPECT_TRUE(refuses(holmctl({"prune"}), 1, "holmctl remove-image " + whole));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", whole})));
    EXPECT_TRUE(succeeds(holmctl({"prune"})));
    expect_empty_store();
}

}  // namespace holm::test
