// What an upper says against its layers, and sealing it.
#include "rootfs/diff.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

#include "rootfs/seal.h"
#include "workbench.h"

namespace holm::rootfs {
namespace {

class Diff : public test::Workbench {
protected:
    static void write(std::string_view path, std::string_view content, unsigned mode = 0644)
    {
        file(path, mode);
        ASSERT_TRUE(replace_file(at(path), content, mode)) << path;
    }
    static void opaque(std::string_view path)
    {
        folder(path);
        ASSERT_EQ(setxattr(at(path).c_str(), "trusted.overlay.opaque", "y", 1, 0), 0) << path;
    }
    static void same_time(std::string_view path)
    {
        const timespec times[] = {{100, 0}, {100, 0}};
        ASSERT_EQ(utimensat(AT_FDCWD, at(path).c_str(), times, AT_SYMLINK_NOFOLLOW), 0) << path;
    }
    // "A /a", "C /b (content, mode)".
    static std::vector<std::string> changes(std::vector<std::string> own, std::vector<std::string> base, bool whole = false)
    {
        DiffInput input{.own = {}, .base = {}, .whole = whole};
        for (auto& path : own) input.own.push_back(open(path));
        for (auto& path : base) input.base.push_back(open(path));
        std::vector<std::string> lines;
        auto done = diff(input, [&](const Change& change) -> Result<> {
            const std::string parts = change.parts.empty() ? "" : fmt::format(" ({})", fmt::join(change.parts, ", "));
            lines.push_back(fmt::format("{} {}{}", static_cast<char>(describe_difference(change.kind)[0] - 32), change.path, parts));
            return {};
        });
        EXPECT_TRUE(done) << done.error().text;
        return lines;
    }
    using Lines = std::vector<std::string>;
};

TEST_F(Diff, EachKind)
{
    write("base/etc/changed", "one"), write("base/etc/kept", "x"), write("base/etc/gone", ""), write("base/etc/mode", "m");
    write("base/dir/inside", ""), link("base/link", "a"), write("base/touched", "t");
    write("up/etc/changed", "two"), whiteout("up/etc/gone"), write("up/etc/new", "n"), write("up/etc/mode", "m", 0600);
    write("up/dir", "now a file"), link("up/link", "b"), write("up/touched", "t"), whiteout("up/never-was"), folder("up/added/deep");
    for (const char* path : {"base/etc/mode", "up/etc/mode"}) same_time(path);
    same_time("base/touched");
    EXPECT_EQ(changes({"up"}, {"base"}), (Lines{"A /added", "A /added/deep", "C /dir (type)", "C /etc/changed (content)", "D /etc/gone",
                                                "C /etc/mode (mode)", "A /etc/new", "C /link (content)", "C /touched (time)"}));
}

TEST_F(Diff, OpaqueFoldersHide)
{
    write("base/d/kept", "k"), write("base/d/sub/deep", "1"), write("base/d/lost", ""), folder("up/d");
    opaque("up/d"), write("up/d/kept", "k"), write("up/d/sub/other", "o");
    for (const char* path : {"base/d/kept", "up/d/kept"}) same_time(path);
    EXPECT_EQ(changes({"up"}, {"base"}), (Lines{"O /d", "D /d/lost", "D /d/sub/deep", "A /d/sub/other"}));
}

TEST_F(Diff, SealedLayersAreSeenThrough)
{
    write("base/a", "1"), write("base/b", "1"), write("base/c/x", "1");
    write("sealed/a", "22"), whiteout("sealed/b"), write("sealed/new", ""), whiteout("sealed/c");
    whiteout("up/new"), write("up/b", "333"), write("up/c/y", "");
    EXPECT_EQ(changes({"up", "sealed"}, {"base"}), (Lines{"C /a (content)", "C /b (content)", "O /c", "D /c/x", "A /c/y"}));
    EXPECT_EQ(changes({"up"}, {"sealed", "base"}), (Lines{"A /b", "A /c", "A /c/y", "D /new"}));
    EXPECT_EQ(changes({"base"}, {"sealed", "base"}, true), (Lines{"C /a (content)", "A /b", "A /c", "A /c/x", "D /new"}));
}

// A snapshot of a machine that ran is a copy of the upper, which has the folder still; so has what another snapshot went back to.
TEST_F(Diff, AnOpaqueFolderThatWasSealedSoIsNoChange)
{
    write("base/d/lost", ""), opaque("sealed/d"), write("sealed/d/kept", "k"), write("sealed/d/sub/deep", "1");
    opaque("up/d"), write("up/d/kept", "k"), write("up/d/sub/deep", "1");
    for (const char* tree : {"sealed", "up"})
        for (const char* path : {"/d/kept", "/d/sub/deep"}) same_time(tree + std::string(path));
    EXPECT_EQ(changes({"up", "base"}, {"sealed", "base"}, true), Lines());
    EXPECT_EQ(changes({"sealed", "base"}, {"sealed", "base"}, true), Lines());
    write("up/d/new", ""), write("base/d/sub/hidden", "");
    ASSERT_EQ(unlink(at("up/d/kept").c_str()), 0);
    EXPECT_EQ(changes({"up", "base"}, {"sealed", "base"}, true), (Lines{"D /d/kept", "A /d/new"}));
    EXPECT_EQ(changes({"up", "base"}, {"base"}, true), (Lines{"D /d/lost", "A /d/new", "A /d/sub/deep", "D /d/sub/hidden"}));
}

TEST_F(Diff, OwnersAndAttributes)
{
    folder("base/d"), folder("up/d"), write("base/f", "f"), write("up/f", "f");
    for (const char* path : {"base/f", "up/f"}) same_time(path);
    ASSERT_EQ(chown(at("up/d").c_str(), 5, 6), 0);
    ASSERT_EQ(setxattr(at("up/f").c_str(), "trusted.mine", "y", 1, 0), 0);
    ASSERT_EQ(setxattr(at("up/f").c_str(), "trusted.overlay.origin", "y", 1, 0), 0);
    EXPECT_EQ(changes({"up"}, {"base"}), (Lines{"C /d (owner)", "C /f (attributes)"}));
}

// A guest's own tree: links out of it, 20 000 levels, a fifo.
TEST_F(Diff, HostileTrees)
{
    write("canary", "c"), link("up/etc", at("")), link("base/etc", at("")), same_time("up/etc"), same_time("base/etc"), folder("up/d");
    ASSERT_EQ(mkfifo(at("up/fifo").c_str(), 0644), 0);
    ASSERT_EQ(mkfifo(at("base").append("/fifo").c_str(), 0600), 0);
    Fd here = open("up/d");
    for (int depth = 0; depth < 20'000; ++depth) {
        ASSERT_EQ(mkdirat(here.get(), "d", 0755), 0);
        here = Fd(openat(here.get(), "d", O_PATH | O_DIRECTORY | O_CLOEXEC));
    }
    DiffInput input{.own = {}, .base = {}};
    input.own.push_back(open("up")), input.base.push_back(open("base"));
    size_t count = 0;
    auto done = diff(input, [&](const Change&) -> Result<> { return ++count, Result<>(); });
    EXPECT_TRUE(done) << done.error().text;
    EXPECT_EQ(count, 20'002u);
}

// -- sealing ------------------------------------------------------------------------------------------------------------------------

class Seal : public Diff {
protected:
    UpperPlace place{.upper = Upper::Directory, .path = at("m/upper"), .work = at("m/work"), .ours = true};
    const std::string first = std::string(32, '1'), second = std::string(32, '2');
    static Snapshot tagged(const char* tag) { return {.tag = tag, .created = 1, .layers = {}}; }
};

TEST_F(Seal, TheUpperBecomesALayerAndAnEmptyOneTakesItsPlace)
{
    write("m/upper/a", "1");
    ASSERT_EQ(chmod(at("m/upper").c_str(), 0711), 0);
    ASSERT_EQ(chown(at("m/upper").c_str(), 3, 4), 0);
    ASSERT_TRUE(seal_upper(place, *plan_seal({}, first, tagged("a"))));
    const History history = *read_history(place);
    EXPECT_EQ(history.sealing, "");
    EXPECT_EQ(layer_paths(place, history), std::vector{layers_folder(place) + "/" + first});
    EXPECT_EQ(*read_file(layers_folder(place) + "/" + first + "/a"), "1");
    EXPECT_TRUE(std::filesystem::is_empty(place.path));
    struct stat status;
    ASSERT_EQ(stat(place.path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0711u);
    EXPECT_EQ(status.st_uid, 3u);
    EXPECT_FALSE(*has_writes(place));

    write("m/upper/b", "2");
    ASSERT_TRUE(seal_upper(place, *plan_rollback(history, second, "a", 0)));
    EXPECT_FALSE(*has_writes(place));
    ASSERT_TRUE(set_unused_aside(place, *read_history(place)));
    EXPECT_FALSE(std::filesystem::exists(layers_folder(place) + "/" + second));
    ASSERT_TRUE(remove_set_aside(layers_folder(place)));
    EXPECT_TRUE(std::filesystem::exists(layers_folder(place) + "/" + first));
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(layers_folder(place)), {}), 2) << "the layer and the history";
}

// Wherever a death cuts it off, the next look ends it.
TEST_F(Seal, ADeathInBetweenIsMadeGood)
{
    for (int done = 0; done < 3; ++done) {
        SCOPED_TRACE(done);
        std::filesystem::remove_all(at("m"));
        write("m/upper/a", "1");
        folder("m/layers");
        ASSERT_TRUE(write_history(place, *plan_seal({}, first, tagged("a"))));
        if (done > 0) std::filesystem::rename(place.path, layers_folder(place) + "/" + first);
        if (done > 1) folder("m/upper");
        auto history = settle_history(place);
        ASSERT_TRUE(history) << history.error().text;
        EXPECT_EQ(history->sealing, "");
        EXPECT_EQ(*read_file(layers_folder(place) + "/" + first + "/a"), "1");
        EXPECT_FALSE(*has_writes(place));
        EXPECT_EQ(*settle_history(place), *history);
    }
}

TEST_F(Seal, ACopyThatFailsLeavesNothing)
{
    write("m/upper/a", "1"), folder("m/layers");
    ASSERT_EQ(mkdir((layers_folder(place) + "/" + first).c_str(), 0700), 0);
    write("m/layers/" + first + "/taken", "");
    EXPECT_FALSE(copy_upper(place, first, {}));
    ASSERT_TRUE(copy_upper(place, second, {}));
    EXPECT_EQ(*read_file(layers_folder(place) + "/" + second + "/a"), "1");
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(layers_folder(place)), {}), 2);
}

}  // namespace
}  // namespace holm::rootfs
