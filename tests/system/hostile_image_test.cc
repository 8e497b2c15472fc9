// Hostile archives: what would lead out of the folder of a new layer, contradicts itself or grows without end is refused or confined; the
// host stays as it was, and the store has nothing of it.
#include <sys/xattr.h>

#include <algorithm>
#include <random>

#include "archive.h"
#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

const std::string canary_content = "the host's own\n";

std::string store_listing()
{
    return sh("ls -A /var/lib/holm/layers /var/lib/holm/images /var/lib/holm/images/.manifests | grep -v '^.lock$'").out;
}

// The only layer there is.
std::string tree()
{
    return std::string(trim(sh("echo /var/lib/holm/layers/*/tree").out));
}

struct Case {
    const char* name;
    std::vector<Member> members;
    const char* why = "";  // in the error
};

// Names that would lead out, by themselves or through a link of the archive, and members that contradict each other.
std::vector<Case> refused_archives(const std::string& canary)
{
    const std::string up = "../../../../../../../.." + canary;
    return {
        {"dots", {{.name = up, .content = "x"}}, "out of its folder"},
        {"dots within", {{.name = "a/../../x", .content = "x"}}, "out of its folder"},
        {"through an absolute link",
         {{.name = "out", .type = '2', .link = "/"}, {.name = "out" + canary, .content = "x"}},
         "symbolic link"},
        {"through a relative link", {{.name = "out", .type = '2', .link = "../.."}, {.name = "out/x", .content = "x"}}, "symbolic link"},
        {"through two links",
         {{.name = "a", .type = '2', .link = "b"}, {.name = "b", .type = '2', .link = "/tmp"}, {.name = "a/x", .content = "x"}},
         "symbolic link"},
        {"hard link out", {{.name = "x", .type = '1', .link = up}}, "out of its folder"},
        {"hard link to an absolute name", {{.name = "x", .type = '1', .link = canary}}, "not in the archive"},
        {"hard link through a link",
         {{.name = "out", .type = '2', .link = "/"}, {.name = "x", .type = '1', .link = "out" + canary}},
         "not in the archive"},
        {"hard link before its target", {{.name = "x", .type = '1', .link = "y"}, {.name = "y", .content = "y"}}, "not in the archive"},
        {"hard link to itself", {{.name = "x", .content = "x"}, {.name = "x", .type = '1', .link = "x"}}, "itself"},
        {"hard link to a folder", {{.name = "d", .type = '5', .mode = 0755}, {.name = "x", .type = '1', .link = "d"}}, "cannot have one"},
        {"the top is a link", {{.name = "./", .type = '2', .link = "/"}}, "top of the archive"},
        {"the top is a file", {{.name = ".", .content = "x"}}, "top of the archive"},
        {"the top is a hard link", {{.name = "x", .content = "x"}, {.name = "./", .type = '1', .link = "x"}}, "top of the archive"},
        {"a folder becomes a file", {{.name = "d", .type = '5', .mode = 0755}, {.name = "d", .content = "x"}}, "was a folder"},
        {"a folder becomes a link", {{.name = "d", .type = '5', .mode = 0755}, {.name = "d", .type = '2', .link = "/"}}, "was a folder"},
        {"a file becomes a folder", {{.name = "d", .content = "x"}, {.name = "d", .type = '5', .mode = 0755}}, "something else"},
        {"below a file", {{.name = "d", .content = "x"}, {.name = "d/x", .content = "x"}}, "no folder"},
        {"pax name out", {pax("path", up), {.name = "x", .content = "x"}}, "out of its folder"},
        {"pax link out", {pax("linkpath", up), {.name = "x", .type = '1', .link = "y"}}, "out of its folder"},
        {"an owner that is none", {pax("uid", "4294967296"), {.name = "x", .content = "x"}}, "no ids"},
        {"a name that is too long", {pax("path", std::string(5000, 'x')), {.name = "x", .content = "x"}}, "longer"},
        {"a part that is too long", {pax("path", std::string(300, 'x')), {.name = "x", .content = "x"}}, "too long"},
        {"a size without end", {{.name = "x", .content = "x", .size = 07777777777}}, ""},
    };
}

}  // namespace

class HostileImageTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        canary_ = folder() + "/canary";
        write_file(canary_, canary_content);
        status_ = canary_status();
        before_ = store_listing();
    }
    void TearDown() override
    {
        holmctl({"remove-image", "hostile"});
        EXPECT_EQ(content_of(canary_), canary_content);
        EXPECT_EQ(canary_status(), status_);
        SystemTest::TearDown();
    }

    std::string canary_status() { return sh("stat -c '%a %u:%g %h %Y %s' " + canary_).out; }
    Outcome import_archive(const std::vector<Member>& members)
    {
        write_file(folder() + "/hostile.tar", tar_of(members));
        return holmctl({"import-tar", folder() + "/hostile.tar", "hostile"});
    }
    void expect_nothing_left(const char* what)
    {
        EXPECT_EQ(store_listing(), before_) << what;
        EXPECT_EQ(content_of(canary_), canary_content) << what;
    }

    std::string canary_, status_, before_;
};

TEST_F(HostileImageTest, WhatLeadsOutOrContradictsItselfIsRefused)
{
    for (const Case& one : refused_archives(canary_)) {
        EXPECT_TRUE(refuses(import_archive(one.members), 1, one.why)) << one.name;
        expect_nothing_left(one.name);
    }
}

TEST_F(HostileImageTest, WhatIsDamagedIsRefused)
{
    const std::string good = tar_of({{.name = "x", .content = std::string(600, 'x')}, {.name = "y", .content = "y"}});
    for (size_t cut : {size_t{100}, size_t{512}, size_t{700}, size_t{1536}, size_t{1536 + 100}, good.size() - 1024}) {
        write_file(folder() + "/cut.tar", good.substr(0, cut));
        EXPECT_TRUE(refuses(holmctl({"import-tar", folder() + "/cut.tar", "hostile"}), 1, "hostile")) << cut;
        expect_nothing_left("cut");
    }
    std::string sum = good;
    sum[1536 + 150] ^= 1;
    write_file(folder() + "/sum.tar", sum);
    EXPECT_TRUE(refuses(holmctl({"import-tar", folder() + "/sum.tar", "hostile"}), 1, "damaged"));
    expect_nothing_left("sum");
}

TEST_F(HostileImageTest, WhatIsOddStaysInside)
{
    ASSERT_TRUE(succeeds(import_archive({{.name = "/etc/planted", .content = "x"},
                                         {.name = "link", .type = '2', .link = canary_},
                                         {.name = "link", .content = "over the link"},
                                         {.name = "up", .type = '2', .link = "../../../../etc/passwd"},
                                         {.name = "disk", .type = '4', .mode = 0666},
                                         {.name = "null", .type = '3', .mode = 0666},
                                         {.name = "pipe", .type = '6'},
                                         {.name = "setuid", .content = "x", .mode = 04755},
                                         pax("SCHILY.xattr.trusted.overlay.opaque", "y"),
                                         {.name = "d", .type = '5', .mode = 0755},
                                         pax("SCHILY.xattr.user.overlay.opaque", "y"),
                                         {.name = "e", .type = '5', .mode = 0755},
                                         {.name = ".wh.passwd", .content = ""},
                                         {.name = "twice", .content = "first"},
                                         {.name = "twice", .content = "second"}})));
    const std::string root = tree();
    EXPECT_EQ(content_of(root + "/etc/planted"), "x");
    EXPECT_EQ(content_of(root + "/link"), "over the link");
    EXPECT_EQ(content_of(root + "/twice"), "second");
    EXPECT_EQ(sh("cd " + root + " && stat -c '%n %F %a' setuid pipe .wh.passwd").out,
              "setuid regular file 4755\npipe fifo 644\n.wh.passwd regular empty file 644\n");
    for (const char* folder : {"/d", "/e"}) EXPECT_EQ(::listxattr((root + folder).c_str(), nullptr, 0), 0) << folder;
    EXPECT_FALSE(exists(root + "/disk") || exists(root + "/null"));
}

// As GNU tar's pax archives of a root from another time have them: names are bytes.
TEST_F(HostileImageTest, NamesThatAreNoUtf8AreTakenAsTheyStand)
{
    ASSERT_TRUE(succeeds(import_archive({pax("path", "\xff\xfe"),
                                         {.name = "x", .content = "bytes"},
                                         pax("linkpath", "\xff\xfe"),
                                         {.name = "hard", .type = '1', .link = "y"},
                                         pax("linkpath", "\xfd"),
                                         {.name = "soft", .type = '2', .link = "y"},
                                         pax("uname", "\xfc"),
                                         {.name = "user", .content = ""},
                                         pax("gname", "\xfc"),
                                         {.name = "group", .content = ""}})));
    const std::string root = tree();
    EXPECT_EQ(content_of(root + "/\xff\xfe"), "bytes");
    EXPECT_EQ(sh("cd " + root + " && ls -A | LC_ALL=C sort && readlink soft && stat -c %h hard").out,
              "group\nhard\nsoft\nuser\n\xff\xfe\n\xfd\n2\n");
    ASSERT_TRUE(succeeds(holmctl({"remove-image", "hostile"})));
    ASSERT_TRUE(
        succeeds(sh(fmt::format("mkdir {0}/u && cd {0}/u && touch $'\\xff\\xfe' && tar --format=pax -cf {0}/u.tar . && "
                                "holmctl import-tar {0}/u.tar hostile",
                                folder()))));
    EXPECT_TRUE(exists(tree() + "/\xff\xfe"));
}

TEST_F(HostileImageTest, AnErrorNamesTheEntry)
{
    const Member malformed{.name = "PaxHeader", .type = 'x', .content = "999 path=y\n"};
    EXPECT_TRUE(refuses(import_archive({{.name = "before", .content = ""}, malformed, {.name = "named", .content = ""}}), 1,
                        "the archive is damaged at 'named': "));
    expect_nothing_left("malformed");
}

// A byte of a header is another, and the checksum holds again: what our reader takes GNU tar takes too, with the same names, kinds and
// sizes.
TEST_F(HostileImageTest, NoOtherReaderSeesAnotherTree)
{
    const std::vector<Member> members = {{.name = "d", .type = '5', .mode = 0755},
                                         {.name = "d/one", .content = std::string(700, 'x')},
                                         pax("size", "600"),
                                         {.name = "two", .content = std::string(600, 'y')},
                                         pax("path", "d/long"),
                                         {.name = "three", .content = "z"},
                                         {.name = "d/link", .type = '2', .link = "one"},
                                         {.name = "hard", .type = '1', .link = "d/one"},
                                         {.name = "last", .content = std::string(512, 'l')}};
    const std::string good = tar_of(members), archive = folder() + "/mutated.tar", unpacked = folder() + "/unpacked";
    std::mt19937 draw(1);
    int taken = 0, compared = 0;
    for (int i = 0; i < count(2000, 60); ++i) {
        std::string bad = good;
        const size_t header = draw() % (bad.size() / 512) * 512;
        for (unsigned changes = 1 + draw() % 3; changes > 0; --changes) bad[header + draw() % 345] = "0123457x/.\0\200"[draw() % 12];
        std::fill_n(bad.begin() + static_cast<ptrdiff_t>(header) + 148, 8, ' ');
        unsigned sum = 0;
        for (char c : std::string_view(bad).substr(header, 512)) sum += static_cast<unsigned char>(c);
        bad.replace(header + 148, 8, fmt::format("{:06o}", sum) + std::string("\0 ", 2));
        write_file(archive, bad);
        if (holmctl({"import-tar", "--force", archive, "hostile"}).code != 0) continue;
        ++taken;
        const char* list = "find . ! -name . -printf '%P %y %l ' \\( -type f -printf '%s\\n' -o -printf '\\n' \\) | sort";
        const std::string ours = sh("cd " + tree() + " && " + list).out;
        Outcome theirs = sh(fmt::format("rm -rf {0} && mkdir {0} && tar -C {0} -xf {1} && cd {0} && {2}", unpacked, archive, list));
        if (theirs.code != 0) continue;
        ++compared;
        EXPECT_EQ(ours, theirs.out) << "archive " << i;
    }
    printf("%d taken, %d of them by GNU tar too\n", taken, compared);
    EXPECT_GT(compared, 10);
}

TEST_F(HostileImageTest, BombsAreRefusedInBoundedSpace)
{
    const std::string bomb = folder() + "/bomb.tar.zst";
    // 4 GiB of zeros in less than a MiB.
    ASSERT_TRUE(succeeds(
        sh(fmt::format("truncate -s 4G {0}/zeros && tar -C {0} -cf - zeros | zstd -q -o {1} && rm {0}/zeros", folder(), bomb), 300s)));
    EXPECT_TRUE(refuses(holmctl({"import-tar", bomb, "hostile"}, {}, 300s), 1, "bomb"));
    expect_nothing_left("ratio");
    ASSERT_TRUE(succeeds(sh(fmt::format("zstd -q {0} -o {0}.zst", bomb))));
    EXPECT_TRUE(refuses(holmctl({"import-tar", bomb + ".zst", "hostile"}), 1, "more than once"));
    expect_nothing_left("compressed twice");
}

}  // namespace holm::test
