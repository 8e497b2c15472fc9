// Images of what machines have changed: commit, and what becomes of it on the way through archives.
#include <csignal>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

// What a machine does to its root: adds, changes, deletes, replaces a folder, links, leaves holes and attributes.
constexpr const char* changes =
    "mkdir -p /data/x; echo hello >/data/x/y; ln /data/x/y /data/z; rm /etc/hidden; rm -r /old; mkdir /old; "
    "echo new >/old/new; chown 5:6 /data/x; chmod 4755 /etc/changed; ln -s nowhere /data/link; mkfifo /data/fifo; "
    "truncate -s 1M /data/hole; touch -d @1000000000 /data/x/y";
// Each path with what it is, and the content.
constexpr const char* listing =
    "cd /; find data etc/changed etc/hidden old ! -type d -exec stat -c '%n %f %u:%g %h %s %Y %N' {} + 2>&1 | sort; "
    "find data old -type d -exec stat -c '%n %f %u:%g' {} + | sort; find data old etc -type f -exec sha256sum "
    "{} + | grep -v ' etc/\\(resolv.conf\\|machine-id\\|hosts\\|hostname\\)$' | sort";

}  // namespace

class CommitTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        const std::string root = busybox();
        sh(fmt::format("cd {} && mkdir -p old etc && echo lower >old/gone && echo lower >etc/hidden && echo same >etc/changed", root));
        ASSERT_TRUE(succeeds(holmctl({"import-fs", root, base_})));
    }
    void TearDown() override
    {
        for (const std::string& machine : mine_) take_away(machine);
        for (const char* image : {"base", "first", "second", "third"}) holmctl({"remove-image", image});
        EXPECT_TRUE(succeeds(holmctl({"prune"})));
        EXPECT_TRUE(eventually([] { return sh("ls -A /var/lib/holm/layers").out == ".lock\n"; })) << sh("ls -lA /var/lib/holm/layers").out;
        SystemTest::TearDown();
    }
    // A machine of the image that is stopped and has done `script`.
    std::string stopped(const std::string& script, const std::string& image = "base")
    {
        mine_.push_back(name());
        EXPECT_TRUE(
            succeeds(holmctl({"run", "--name=" + mine_.back(), "--network=none", "--image=" + image, "--", "/bin/sh", "-c", script})));
        return mine_.back();
    }
    static std::string tree_of(const std::string& image)
    {
        Outcome outcome = holmctl({"run", "--rm", "--network=none", "--image=" + image, "--", "/bin/sh", "-c", listing});
        EXPECT_TRUE(succeeds(outcome));
        return outcome.out;
    }
    const std::string base_ = "base";
    std::vector<std::string> mine_;
};

TEST_F(CommitTest, TheTreeIsTheSameOnEachWay)
{
    const std::string machine = stopped(changes);
    const std::string tree = tree_of("base");
    EXPECT_TRUE(has(tree, "etc/hidden"));
    const std::string diff = holmctl({"diff", machine}).out;
    for (const char* line : {"D /etc/hidden\n", "O /old", "A /data/z\n", "C /etc/changed (mode"}) EXPECT_TRUE(has(diff, line));

    Outcome committed = holmctl({"commit", machine, "first"});
    ASSERT_TRUE(succeeds(committed));
    EXPECT_TRUE(committed.out.starts_with("sha256:"));
    const std::string wanted = tree_of("first");
    EXPECT_TRUE(has(wanted, "data/x/y 81a4 0:0 2 6 1000000000"));
    EXPECT_TRUE(has(wanted, "etc/changed 89ed"));
    EXPECT_FALSE(has(wanted, "old/gone"));
    EXPECT_TRUE(has(wanted, "data/x 41ed 5:6"));
    EXPECT_EQ(holmctl({"diff", machine}).out, diff) << "the machine is what it was";

    const std::string layout = folder() + "/layout", archive = folder() + "/tree.tar";
    ASSERT_TRUE(succeeds(holmctl({"export-oci", "first", layout})));
    ASSERT_TRUE(succeeds(holmctl({"export-tar", "first", archive})));
    ASSERT_TRUE(succeeds(holmctl({"remove-image", "first"})));
    ASSERT_TRUE(succeeds(holmctl({"import-oci", layout, "second"})));
    ASSERT_TRUE(succeeds(holmctl({"import-tar", archive, "third"})));
    EXPECT_EQ(tree_of("second"), wanted);
    EXPECT_EQ(tree_of("third"), wanted);
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine}))) << "it runs on what was sealed of it";
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
}

TEST_F(CommitTest, TheDigestFollows)
{
    const std::string machine = stopped(changes);
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "first"})));
    const std::string layer = std::string(trim(sh("echo /var/lib/holm/layers/r-*").out));
    EXPECT_TRUE(eventually([&] { return has(content_of(layer + "/layer.toml"), "digest = \"sha256:"); }));
    EXPECT_TRUE(has(holmctl({"--json=short", "list-images"}).out, "\"first\""));
    // Damage is found by its digest.
    write_file(layer + "/tree/data/x/y", "other\n");
    EXPECT_TRUE(refuses(holmctl({"fsck", "--deep"}), 1, "another content"));
    sh(fmt::format("printf 'hello\\n' >{0}/tree/data/x/y; touch -d @1000000000 {0}/tree/data/x/y", layer));
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
}

TEST_F(CommitTest, AnImageIsAddedToAndNoOtherReplaced)
{
    const std::string machine = stopped("echo one >/one"), other = stopped("echo two >/two");
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "first"})));
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "first"}))) << "the same again";
    EXPECT_TRUE(refuses(holmctl({"commit", other, "first"}), 1, "--force"));
    EXPECT_TRUE(exists("/var/lib/holm/machines/" + other + "/upper/two")) << "nothing was sealed";
    ASSERT_TRUE(succeeds(holmctl({"commit", other, "base"}))) << "what it lies on";
    const std::string both = stopped("cat /two", "base");
    EXPECT_TRUE(refuses(holmctl({"commit", both, "first"}), 1, "--force"));
    ASSERT_TRUE(succeeds(holmctl({"commit", "--force", both, "first"})));
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=first", "--", "/bin/cat", "/two"}).out, "two\n");
    ASSERT_TRUE(succeeds(holmctl({"read-only", "first", "yes"})));
    EXPECT_TRUE(refuses(holmctl({"commit", "--force", machine, "first"}), 1, "read-only"));
    ASSERT_TRUE(succeeds(holmctl({"read-only", "first", "no"})));
    EXPECT_TRUE(refuses(holmctl({"commit", machine, "no/such:name"}), 1, "no/such"));
    EXPECT_TRUE(refuses(holmctl({"commit", "no-such-machine", "first"}), 1, "no-such-machine"));
    EXPECT_TRUE(refuses(holmctl({"commit", machine}), 2, "IMAGE"));
}

TEST_F(CommitTest, LayersAreSharedUntilNobodyNeedsThem)
{
    const std::string machine = stopped("echo one >/one");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "before"})));
    write_file("/var/lib/holm/machines/" + machine + "/upper/two", "two\n");
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "first"})));
    EXPECT_EQ(trim(sh("ls -d /var/lib/holm/layers/r-* | wc -l").out), "2") << "the snapshot's too";
    ASSERT_TRUE(succeeds(holmctl({"remove-image", "first"})));
    ASSERT_TRUE(succeeds(holmctl({"prune"})));
    EXPECT_EQ(trim(sh("ls -d /var/lib/holm/layers/r-* | wc -l").out), "2") << "the machine lies on them";
    ASSERT_TRUE(succeeds(holmctl({"rollback", machine, "before"})));
    const std::string diff = holmctl({"diff", machine}).out;
    EXPECT_TRUE(has(diff, "A /one\n"));
    EXPECT_EQ(diff.find("/two"), diff.npos);
    ASSERT_TRUE(succeeds(holmctl({"prune"})));
    EXPECT_TRUE(eventually([] { return trim(sh("ls -d /var/lib/holm/layers/r-* | wc -l").out) == "1"; }));
    EXPECT_TRUE(succeeds(holmctl({"fsck"})));
}

TEST_F(CommitTest, ARunningMachineIsCopiedAndGoesOn)
{
    mine_.push_back(name());
    const std::string machine = mine_.back();
    ASSERT_TRUE(succeeds(holmctl({"run", "--detach", "--name=" + machine, "--network=none", "--image=base", "--", "/bin/sh", "-c",
                                  "[ -e /one ] || echo one >/one; while :; do date >/now; sleep 0.1; done"})));
    ASSERT_TRUE(eventually([&] { return exists("/var/lib/holm/machines/" + machine + "/upper/now"); }));
    Outcome committed = holmctl({"commit", machine, "first"});
    ASSERT_TRUE(succeeds(committed));
    EXPECT_TRUE(has(committed.err, "stood still for"));
    EXPECT_EQ(machine_property(machine, "Frozen"), "b false");
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=first", "--", "/bin/cat", "/one"}).out, "one\n");
    ASSERT_TRUE(succeeds(inside(machine, "echo two >/one")));
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "first"}))) << "a later state of what it was committed of";
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=first", "--", "/bin/cat", "/one"}).out, "two\n");
    ASSERT_TRUE(succeeds(inside(machine, "echo one >/one")));
    EXPECT_TRUE(refuses(holmctl({"commit", stopped("echo other >/other"), "first"}), 1, "--force"));
    EXPECT_TRUE(exists("/var/lib/holm/machines/" + machine + "/upper/one")) << "its upper stays its own";

    ASSERT_TRUE(succeeds(holmctl({"commit", "--at-next-start", machine, "second"})));
    EXPECT_FALSE(exists("/var/lib/holm/images/second.toml"));
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(exists("/var/lib/holm/images/second.toml"));
    EXPECT_FALSE(exists("/var/lib/holm/machines/" + machine + "/upper/one")) << "sealed";
    EXPECT_EQ(inside(machine, "cat /one").out, "one\n");
    ASSERT_TRUE(succeeds(holmctl({"terminate", machine})));
}

TEST_F(CommitTest, ARootThatIsNoImageIsCopied)
{
    const std::string machine = name(), root = busybox();
    sh(fmt::format("mkdir {0}/srv; echo lower >{0}/srv/lower", root));
    ASSERT_TRUE(succeeds(
        holmctl({"run", "--name=" + machine, "--network=none", "--lower=" + root, "--", "/bin/sh", "-c", "echo upper >/srv/upper"})));
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "first"})));
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=first", "--", "/bin/cat", "/srv/lower", "/srv/upper"}).out,
              "lower\nupper\n");
    mine_.push_back(machine);
}

// What was sealed of a machine's upper is its own as much as the upper: unpacked over the image by another tool it is the machine's root.
TEST_F(CommitTest, AnExportOfTheChangesHasWhatWasSealed)
{
    const std::string machine = stopped(changes), tar = folder() + "/own.tar", upper = "/var/lib/holm/machines/" + machine + "/upper";
    ASSERT_TRUE(succeeds(holmctl({"export-tar", "--upper-only", machine, folder() + "/one.tar"})));
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "s"})));
    ASSERT_TRUE(succeeds(holmctl({"export-tar", "--upper-only", machine, tar})));
    const std::string list = "tar -tvf {} --full-time | grep -v ' [.]/$' | sort";  // the top is that of a new upper
    EXPECT_EQ(sh(fmt::format(fmt::runtime(list), folder() + "/one.tar")).out, sh(fmt::format(fmt::runtime(list), tar)).out);
    // Over what was sealed: one file goes, one folder is replaced, one gets another file, one name of a file with two is another now.
    ASSERT_TRUE(
        succeeds(sh(fmt::format("cd {} && mkdir -p data/x etc && mknod data/link c 0 0 && mknod old c 0 0 && echo more >data/x/more "
                                "&& echo other >data/z && mknod etc/changed c 0 0 && rm {}",
                                upper, tar))));
    ASSERT_TRUE(succeeds(holmctl({"export-tar", "--upper-only", machine, tar})));
    const std::string names = sh("tar -tf " + tar + " | sort").out;
    for (const char* there : {"./\n", "data/x/more\n", "data/x/y\n", "data/z\n", "data/.wh.link\n", ".wh.old\n", "etc/.wh.changed\n",
                              "etc/.wh.hidden\n", "data/fifo\n"})
        EXPECT_TRUE(has(names, there));
    for (const char* gone : {"data/link\n", "old/", "etc/changed\n"}) EXPECT_EQ(("\n" + names).find("\n" + std::string(gone)), names.npos);
    EXPECT_EQ(sh("tar -xOf " + tar + " data/z").out, "other\n");
    EXPECT_EQ(sh("tar -xOf " + tar + " data/x/y").out, "hello\n");
}

// -- copy-image -------------------------------------------------------------------------------------------------------------------

TEST_F(CommitTest, AnImageGoesToAnotherStoreWithWhatIsMissingThere)
{
    const std::string machine = stopped(changes), all = folder() + "/all", part = folder() + "/part";
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "first"})));
    const std::string wanted = tree_of("first"), base = std::string(trim(sh("cd /var/lib/holm/layers && ls -d [0-9a-f]*").out));
    ASSERT_TRUE(succeeds(sh("echo | holmctl copy-image --send first >" + all)));
    ASSERT_TRUE(succeeds(sh(fmt::format("echo sha256:{} | holmctl copy-image --send first >{}", base, part))));
    EXPECT_LT(content_of(part).size() * 2, content_of(all).size());
    auto receive = [](const std::string& file) { return sh("holmctl copy-image --receive second <" + file); };
    auto forget = [](std::vector<std::string> images) {
        for (const std::string& image : images) EXPECT_TRUE(succeeds(holmctl({"remove-image", image})));
        EXPECT_TRUE(succeeds(holmctl({"prune"})));
    };
    take_away(machine);
    forget({"first"});
    EXPECT_TRUE(has(receive(part).out, "sha256:" + base)) << "it says what it has";
    EXPECT_EQ(tree_of("second"), wanted);
    EXPECT_TRUE(has(receive(part).err, "--force"));
    forget({"second", "base"});
    EXPECT_TRUE(has(receive(part).err, "neither here nor in what was sent"));
    ASSERT_EQ(sh(fmt::format("head -c 400000 {0} >{0}.cut; cd {1} && mkdir x && cd x && tar -xf {0} && cp layers/{2}.tar.zst one && "
                             "for f in layers/*; do cp one $f; done && tar -cf {0}.bad *",
                             all, folder(), base))
                  .code,
              0);
    EXPECT_NE(receive(all + ".cut").code, 0);
    EXPECT_TRUE(has(receive(all + ".bad").err, "another content"));
    EXPECT_EQ(sh("ls -A /var/lib/holm/layers").out, ".lock\n") << "nothing is left of them";
    ASSERT_TRUE(succeeds(receive(all)));
    EXPECT_EQ(tree_of("second"), wanted);
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
}

// ssh is a shell that runs what it is told, as ssh does.
TEST_F(CommitTest, AnImageGoesThroughSsh)
{
    make_folder(folder() + "/bin");
    write_file(folder() + "/bin/ssh", "#!/bin/sh\nshift 2\nexec sh -c \"$*\"\n", 0755);
    auto copy = [&](const std::string& words) { return sh(fmt::format("PATH={}/bin:$PATH holmctl copy-image {}", folder(), words)); };
    EXPECT_TRUE(succeeds(copy("--force base root@there"))) << "the other store is this one";
    EXPECT_TRUE(succeeds(copy("--read-only base root@[2001:db8::1]:third")));
    EXPECT_TRUE(has(holmctl({"image-status", "third"}).out, "read-only"));
    EXPECT_TRUE(succeeds(holmctl({"read-only", "third", "no"})));
    EXPECT_TRUE(refuses(copy("base root@there:../x"), 2, "../x"));
    EXPECT_TRUE(has(copy("base root@there").err, "--force"));
    EXPECT_EQ(copy("base root@there").code, 1);
    EXPECT_TRUE(refuses(copy("no-such-image root@there"), 1, "no-such-image"));
    EXPECT_TRUE(refuses(copy("base -there"), 2, "-there"));
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
}

// -- rebase -------------------------------------------------------------------------------------------------------------------------

TEST_F(CommitTest, ARebaseTellsExactlyWhatCollidesAndIsUndone)
{
    // The image `second` is `base` with other files.
    const std::string maker =
        stopped("echo theirs >/etc/changed; echo theirs >/etc/untouched; rm /etc/hidden; echo more >/old/more; echo a >/etc/alike");
    ASSERT_TRUE(succeeds(holmctl({"commit", maker, "second"})));
    const std::string machine =
        stopped("echo mine >/etc/changed; rm /etc/hidden; rm -r /old; mkdir /old; echo own >/own; echo a >/etc/alike");
    const std::string diff = holmctl({"diff", machine}).out;

    Outcome report = holmctl({"rebase", "--dry-run", machine, "second"});
    ASSERT_TRUE(succeeds(report));
    const std::string lines = sh(fmt::format("holmctl rebase --dry-run {} second | grep -v ' clean'", machine)).out;
    EXPECT_EQ(lines,
              "conflict /etc/changed (changed here, changed there)\nstale-whiteout /etc/hidden (deleted here and there)\n"
              "opaque /old (hides all that the layers have in it)\nshadowed /old/more (added there, below '/old', which hides it)\n");
    EXPECT_EQ(holmctl({"diff", machine}).out, diff) << "nothing was done";

    ASSERT_TRUE(succeeds(holmctl({"rebase", machine, "second"})));
    EXPECT_TRUE(has(holmctl({"status", machine}).out, "       Image: second\n"));
    ASSERT_TRUE(succeeds(holmctl({"start", machine})));
    EXPECT_TRUE(wait_for_state(machine, "stopped"));
    ASSERT_TRUE(succeeds(holmctl({"commit", machine, "third"})));
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=third", "--", "/bin/cat", "/etc/changed", "/etc/untouched", "/own"}).out,
              "mine\ntheirs\nown\n");
    EXPECT_TRUE(refuses(holmctl({"remove-image", "second"}), 1, machine));

    const std::string since = sh(fmt::format("holmctl diff --since=$(holmctl --no-legend snapshots {0} | cut -d' ' -f1) {0}", machine)).out;
    EXPECT_TRUE(has(since, "A /etc/untouched\n")) << "what the other image has made of it";
    ASSERT_TRUE(succeeds(holmctl({"rebase", "--undo", machine})));
    EXPECT_EQ(holmctl({"diff", machine}).out, diff) << "as it was";
    EXPECT_FALSE(holmctl({"status", machine}).out.contains("Image: second"));
    EXPECT_TRUE(succeeds(holmctl({"remove-image", "second"}))) << "no state of it lies there any more";
    ASSERT_TRUE(succeeds(holmctl({"commit", "--force", machine, "third"})));
    EXPECT_EQ(holmctl({"run", "--rm", "--network=none", "--image=third", "--", "/bin/sh", "-c", "cat /etc/changed; ls /etc/untouched"}).out,
              "mine\n");
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
}

TEST_F(CommitTest, ARebaseTakesWhatItIsTold)
{
    const std::string maker = stopped("echo theirs >/etc/changed; echo theirs >/etc/other");
    ASSERT_TRUE(succeeds(holmctl({"commit", maker, "second"})));
    const std::string machine = stopped("echo mine >/etc/changed; echo mine >/etc/other; echo own >/own");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "s"})));
    const std::string diff = holmctl({"diff", machine}).out;
    EXPECT_TRUE(refuses(holmctl({"rebase", "-q", "--take=/etc/hidden", machine, "second"}), 1, "/etc/hidden"));
    EXPECT_EQ(holmctl({"diff", machine}).out, diff);
    ASSERT_TRUE(succeeds(holmctl({"rebase", "--take=/etc/changed", machine, "second"})));
    const std::string taken = holmctl({"diff", machine}).out;
    EXPECT_EQ(taken.find("/etc/changed"), taken.npos) << taken;
    EXPECT_TRUE(has(taken, "C /etc/other (content"));
    EXPECT_TRUE(has(taken, "A /own\n"));
    ASSERT_TRUE(succeeds(holmctl({"rebase", "--undo", machine})));
    EXPECT_EQ(holmctl({"diff", machine}).out, diff);
    EXPECT_TRUE(refuses(holmctl({"rebase", machine, "no-such-image"}), 1, "no-such-image"));
    EXPECT_TRUE(refuses(holmctl({"rebase", machine}), 2, "IMAGE"));
    EXPECT_TRUE(refuses(holmctl({"rebase", "--undo", maker}), 1, "not rebased"));
}

// Exactly what was planted, among the ten thousand files of a Debian, and the packages that are others.
TEST_F(CommitTest, ADebianMovesToTheNextRelease)
{
    const std::string next = debian();
    ASSERT_TRUE(succeeds(holmctl({"import-fs", guest(), "first"})));
    ASSERT_TRUE(succeeds(sh(fmt::format(
        "cd {} && echo theirs >etc/issue && echo 12.99 >etc/debian_version && echo theirs >etc/issue.net && rm etc/profile && echo new "
        ">usr/share/new && sed -i '/^Package: bash$/,/^$/ s/^Version: .*/Version: 9.9-1/' var/lib/dpkg/status",
        next))));
    ASSERT_TRUE(succeeds(holmctl({"import-fs", next, "second"})));
    const std::string machine =
        stopped("echo mine >/etc/issue; rm /etc/debian_version; echo mine >>/etc/profile; echo own >/etc/own; rm /etc/shells", "first");
    auto tree = [&] {
        return sh(fmt::format("holmctl export-tar {} - | tar -tv --full-time | grep -v ' [.]/$' | sha256sum", machine)).out;
    };
    const std::string diff = holmctl({"diff", machine}).out, before = tree();
    const Outcome report = holmctl({"rebase", machine, "second"});
    ASSERT_TRUE(succeeds(report));
    EXPECT_EQ(sh("grep ^conflict <<'END' | cut -d' ' -f1,2\n" + report.out + "END").out,
              "conflict /etc/debian_version\nconflict /etc/issue\nconflict /etc/profile\n");
    EXPECT_TRUE(has(report.out, "package bash"));
    EXPECT_TRUE(has(report.out, "9.9-1"));
    EXPECT_NE(tree(), before);
    ASSERT_TRUE(succeeds(holmctl({"rebase", "--undo", machine})));
    EXPECT_EQ(holmctl({"diff", machine}).out, diff);
    EXPECT_EQ(tree(), before);
}

TEST_F(CommitTest, WhatAMachineHasSealedIsItsOwn)
{
    const std::string machine = stopped("head -c 3000000 /dev/urandom >/file");
    ASSERT_TRUE(succeeds(holmctl({"snapshot", machine, "one"})));
    const std::string row = sh("holmctl df | grep " + machine).out;
    EXPECT_TRUE(has(row, "2.8M") || has(row, "2.9M")) << row;
}

// The time of it is not that of what is sealed.
TEST_F(CommitTest, SealingTakesTheSameTimeWhateverItsSize)
{
    const std::string small = stopped("true"), large = stopped("true");
    sh(fmt::format("head -c 200M /dev/urandom >/var/lib/holm/machines/{}/upper/file; sync", large));
    auto time_of = [](const std::string& machine, const char* image) {
        const auto begin = std::chrono::steady_clock::now();
        EXPECT_TRUE(succeeds(holmctl({"commit", machine, image})));
        return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
    };
    double best_small = 1e9, best_large = 1e9;
    for (int i = 0; i < 5; ++i) {
        for (const std::string& machine : {small, large}) write_file("/var/lib/holm/machines/" + machine + "/upper/again", "x");
        best_small = std::min(best_small, time_of(small, "first"));
        best_large = std::min(best_large, time_of(large, "second"));
    }
    printf("commit: %.1f ms with some bytes, %.1f ms with 200 MB\n", best_small, best_large);
    EXPECT_LT(best_large, best_small * 3 + 50);
}

// A holmd that dies leaves the machine its files, and the store whole.
TEST_F(CommitTest, AHolmdThatDiesLeavesNoHalf)
{
    const std::string machine = stopped("echo one >/one");
    for (int attempt = 0; attempt < count(40, 6); ++attempt) {
        write_file(fmt::format("/var/lib/holm/machines/{}/upper/f{}", machine, attempt), "x");
        Process commit(
            {"busctl", "call", "org.holm1", "/org/holm1", "org.holm1.Manager", "CommitMachine", "ssa{sv}", machine, "first", "0"});
        sleep_for(milliseconds(attempt * 4));
        kill_holmd();
        commit.wait();
        ASSERT_TRUE(eventually([&] { return holmctl({"list"}).code == 0; }));
        ASSERT_TRUE(eventually([&] { return holmctl({"fsck"}).code == 0; })) << holmctl({"fsck"}).err;
        const std::string diff = holmctl({"diff", machine}).out;
        for (int i = 0; i <= attempt; ++i) ASSERT_TRUE(has(diff, fmt::format("A /f{}\n", i))) << "attempt " << attempt;
        if (attempt % 4 == 3) {  // layers below an upper are not without end
            ASSERT_TRUE(succeeds(holmctl({"start", machine})));
            EXPECT_TRUE(wait_for_state(machine, "stopped"));
        }
    }
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
}

// CVE-2023-0778: what goes out of a machine, an image or a folder while somebody exchanges a folder of it with a link to the host.
TEST_F(CommitTest, WhatIsExchangedMeanwhileNeverLeadsOut)
{
    const std::string canary = folder() + "/canary", archive = folder() + "/out.tar";
    make_folder(canary + "/sub");
    write_file(canary + "/secret", "secret of the host\n");
    write_file(canary + "/sub/secret", "secret of the host\n");
    const std::string before = hash_of_tree(canary), machine = stopped("mkdir -p /data/d/sub; echo own >/data/d/sub/own"),
                      source = busybox();
    make_folder(source + "/data/d/sub");
    Process exchange({"python3", "-c", R"py(
import ctypes, os, sys
libc = ctypes.CDLL(None)
places = [place + '/data/d' for place in sys.argv[2:]]
for place in places: os.symlink(sys.argv[1], place + '.link')
print('go', flush=True)
while True:
    for place in places: libc.renameat2(-100, place.encode(), -100, (place + '.link').encode(), 2)
)py",
                      canary, "/var/lib/holm/machines/" + machine + "/upper", source});
    ASSERT_TRUE(exchange.expect("go"));
    const auto bytes_of_the_host = [](const std::string& where) { return sh("grep -rlaFs 'secret of the host' " + where).out; };
    for (int i = 0; i < count(200, 4); ++i) {
        const std::string copy = machine + "-copy";
        if (holmctl({"export-tar", "--force", machine, archive}).code == 0) {
            EXPECT_EQ(bytes_of_the_host(archive), "");
        }
        if (holmctl({"export-tar", "--force", "--upper-only", machine, archive}).code == 0) {
            EXPECT_EQ(bytes_of_the_host(archive), "");
        }
        holmctl({"diff", machine});
        if (holmctl({"clone", machine, copy}).code == 0) {
            EXPECT_EQ(bytes_of_the_host("/var/lib/holm/machines/" + copy), "");
        }
        holmctl({"remove", copy});
        if (holmctl({"import-fs", "--force", source, "third"}).code == 0) {
            EXPECT_EQ(bytes_of_the_host("/var/lib/holm/layers"), "");
        }
    }
    exchange.signal(SIGKILL);
    exchange.wait(5s);
    EXPECT_EQ(hash_of_tree(canary), before);
}

}  // namespace holm::test
