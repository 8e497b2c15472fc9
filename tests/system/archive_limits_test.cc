// Archives that are large, deep or claim to be: bounded memory, time and disk, and nothing of them afterwards.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "archive.h"
#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

constexpr long most_kilobytes = 64 << 10;

// What one process of the store has held at most, in KiB (VmHWM).
long memory_of_store()
{
    long most = 0;
    for (std::string_view line : split(sh("cat $(pgrep -x holm-store | sed 's,.*,/proc/&/status,') /dev/null 2>/dev/null").out, '\n'))
        if (line.starts_with("VmHWM:")) most = std::max(most, std::atol(std::string(line.substr(6)).c_str()));
    return most;
}

// A tar with so many files in one folder, every tenth a hard link to the one before it.
void write_many(const std::string& path, int entries)
{
    std::ofstream file(path, std::ios::binary);
    std::string last;
    for (int i = 0; i < entries; ++i) {
        Member member{.name = fmt::format("d/{:07}", i)};
        if (i % 10 == 9) member.type = '1', member.link = last;
        else last = member.name;
        file << tar_of({member}).substr(0, 512);
    }
    file << std::string(1024, '\0');
}

std::string deep(int folders)
{
    std::string path;
    for (int i = 0; i < folders; ++i) path += "d/";
    return path + "x";
}

}  // namespace

class ArchiveLimitsTest : public SystemTest {
protected:
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        archive_ = folder() + "/archive.tar";
    }
    void TearDown() override
    {
        holmctl({"remove-image", "limits"}, {}, 600s);
        expect_nothing_left("at the end");
        SystemTest::TearDown();
    }
    static std::string left() { return sh("ls -A /var/lib/holm/layers /var/lib/holm/images/.manifests | grep -v '^.lock$'").out; }
    static void expect_nothing_left(const std::string& what)
    {
        const std::string empty = "/var/lib/holm/images/.manifests:\n\n/var/lib/holm/layers:\n";
        EXPECT_TRUE(eventually([&] { return left() == empty; }, 60s)) << what << "\n" << left();
    }
    Outcome import_archive(const std::vector<Member>& members)
    {
        write_file(archive_, tar_of(members));
        return holmctl({"import-tar", archive_, "limits"}, {}, 300s);
    }
    // Runs holmctl; the most memory that the store took meanwhile.
    static long peak_of(std::vector<std::string> arguments, Outcome& outcome)
    {
        arguments.insert(arguments.begin(), "holmctl");
        Process process(arguments);
        long most = 0;
        while (!process.ended()) {
            most = std::max(most, memory_of_store());
            sleep_for(20ms);
        }
        outcome = process.wait();
        return most;
    }

    std::string archive_;
};

TEST_F(ArchiveLimitsTest, ManyEntriesTakeBoundedMemory)
{
    const int entries = count(1'000'000, 20'000);
    write_many(archive_, entries);
    Outcome outcome;
    const long taken = peak_of({"import-tar", archive_, "limits"}, outcome);
    ASSERT_TRUE(succeeds(outcome));
    EXPECT_GT(taken, 0);
    EXPECT_LT(taken, most_kilobytes);
    EXPECT_EQ(std::stol(sh("ls -U /var/lib/holm/layers/*/tree/d | wc -l").out), entries);
    const long hashed = peak_of({"fsck", "--deep"}, outcome);
    EXPECT_TRUE(succeeds(outcome));
    EXPECT_LT(hashed, most_kilobytes);
    printf("%d entries: import %ld KiB, fsck --deep %ld KiB\n", entries, taken, hashed);
}

TEST_F(ArchiveLimitsTest, DeepFoldersAreTakenAndRemoved)
{
    const std::string path = deep(511);
    ASSERT_TRUE(succeeds(import_archive({pax("path", path), {.name = "x", .content = "deep"}})));
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
    ASSERT_TRUE(succeeds(holmctl({"export-tar", "limits", folder() + "/out.tar"})));
    EXPECT_TRUE(has(sh("tar -tf " + folder() + "/out.tar").out, path));
    ASSERT_TRUE(succeeds(holmctl({"remove-image", "limits"})));
    expect_nothing_left("deep");
    for (int folders : {512, 50'000})
        EXPECT_TRUE(refuses(import_archive({pax("path", deep(folders)), {.name = "x", .content = "deep"}}), 1, "limits")) << folders;
    expect_nothing_left("too deep");
}

// It has no end, which would make half of it look whole.
TEST_F(ArchiveLimitsTest, AnExportThatFailsSaysWhy)
{
    ASSERT_TRUE(succeeds(import_archive({{.name = "x", .content = std::string(1 << 20, 'x')}})));
    const std::string small = folder() + "/small";
    ASSERT_TRUE(succeeds(sh(fmt::format("mkdir {0} && mount -t tmpfs -o size=512k tmpfs {0}", small))));
    for (const char* file : {"/out.tar", "/out.tar.zst"}) {
        const Outcome outcome = holmctl({"export-tar", "limits", small + file});
        if (std::string(file).ends_with("zst")) EXPECT_TRUE(succeeds(outcome));
        else EXPECT_TRUE(refuses(outcome, 1, "No space left"));
        sh("rm -f " + small + "/*");
    }
    EXPECT_TRUE(eventually([&] { return sh("umount " + small).code == 0; }, 20s));
}

// What a header says is nothing to make room for.
TEST_F(ArchiveLimitsTest, ClaimsAreNotBelieved)
{
    const std::string huge = "9223372036854775807", value = "x";
    const std::vector<std::pair<const char*, std::vector<Member>>> archives = {
        {"a pax header of a GiB", {{.name = "PaxHeader", .type = 'x', .content = "x", .size = 07777777777}, {.name = "x"}}},
        {"a name of a GiB", {{.name = "././@LongLink", .type = 'L', .content = "x", .size = 07777777777}, {.name = "x"}}},
        {"a name of a MiB", {{.name = "././@LongLink", .type = 'L', .content = std::string(1 << 20, 'n')}, {.name = "x"}}},
        {"an attribute of 4 GiB",
         {{.name = "PaxHeader", .type = 'x', .content = "4294967296 SCHILY.xattr.user.x=x\n"}, {.name = "x", .content = "x"}}},
        {"a record without a length", {{.name = "PaxHeader", .type = 'x', .content = "path=y\n"}, {.name = "x", .content = "x"}}},
        {"a size of 2^63", {pax("size", huge), {.name = "x", .content = "x"}}},
        {"a size below 0", {pax("size", "-1"), {.name = "x", .content = "x"}}},
        {"holes of 2^63 bytes",
         {pax("GNU.sparse.major", "1"), pax("GNU.sparse.minor", "0"), pax("GNU.sparse.realsize", huge), {.name = "x", .content = "0\n"}}},
        {"a disk's size of files", {pax("size", "1099511627776"), {.name = "x", .content = std::string(1 << 20, 'x')}}},
    };
    for (const auto& [what, members] : archives) {
        Outcome outcome;
        write_file(archive_, tar_of(members));
        const long taken = peak_of({"import-tar", archive_, "limits"}, outcome);
        EXPECT_TRUE(refuses(outcome, 1, "limits")) << what;
        EXPECT_LT(taken, most_kilobytes) << what;
        expect_nothing_left(what);
    }
}

// Odd, and no reason to refuse it.
TEST_F(ArchiveLimitsTest, OddNumbersAndFlagsAreKeptInBounds)
{
    ASSERT_TRUE(succeeds(import_archive({pax("mtime", "-62135596800"),
                                         {.name = "early", .content = "x"},
                                         pax("mtime", "99999999999"),
                                         {.name = "late", .content = "x"},
                                         pax("SCHILY.fflags", "schg,sappnd,uappnd,uchg"),
                                         {.name = "immutable", .content = "x"}})));
    EXPECT_EQ(sh("cd /var/lib/holm/layers/*/tree && ls && lsattr immutable | cut -c5,6").out, "early\nimmutable\nlate\n--\n");
    EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"})));
}

// An archive that grows without end stops where the file system of the store is full but for what others need.
TEST_F(ArchiveLimitsTest, ABombFillsNoDisk)
{
    const char* layers = "/var/lib/holm/layers";
    ASSERT_TRUE(succeeds(sh(fmt::format("mount -t tmpfs -o mode=700,size=128m tmpfs {}", layers))));
    // A GiB that unpacks to a TiB, or 16 MiB to 16 GiB: one header, then zeros, each member of gzip 64 MiB of them.
    const int members = count(16'384, 256);
    const std::string head = tar_of({pax("size", std::to_string(uint64_t{64 << 20} * static_cast<uint64_t>(members))), {.name = "zeros"}});
    write_file(folder() + "/head", head.substr(0, head.size() - 1024));
    ASSERT_TRUE(succeeds(sh(fmt::format("cd {} && gzip -c head >bomb && head -c 64M /dev/zero | gzip -9 >member && "
                                        "for i in $(seq {}); do cat member; done >>bomb && ls -l bomb",
                                        folder(), members),
                            600s)));
    Outcome outcome;
    const long taken = peak_of({"import-tar", folder() + "/bomb", "limits"}, outcome);
    EXPECT_TRUE(refuses(outcome, 1, "limits"));
    EXPECT_LT(taken, most_kilobytes);
    expect_nothing_left("bomb");
    EXPECT_GT(std::stol(sh(fmt::format("df --output=avail -k {} | tail -1", layers)).out), 120 << 10);
    EXPECT_TRUE(eventually([&] { return sh(fmt::format("umount {}", layers)).code == 0; }, 20s));
}

// What one layer makes a link of is a folder where the next one writes through it.
TEST_F(ArchiveLimitsTest, ALinkOfALayerLeadsTheNextNowhere)
{
    const std::string canary = folder() + "/canary";
    write_file(canary, "own\n");
    Layout layout{.layers = {{.tar = tar_of({{.name = "out", .type = '2', .link = folder()}})},
                             {.tar = tar_of({{.name = "out/canary", .content = "x"}, {.name = "out/.wh.archive.tar"}})},
                             {.tar = tar_of({{.name = "out/.wh.canary"}, {.name = "hard", .type = '1', .link = "out/canary"}})}}};
    write_file(archive_, "stays");
    write_layout(folder() + "/layout", layout);
    EXPECT_TRUE(refuses(holmctl({"import-oci", folder() + "/layout", "limits"}), 1, "limits"));
    layout.layers.pop_back();
    write_layout(folder() + "/two", layout);
    ASSERT_TRUE(succeeds(holmctl({"import-oci", folder() + "/two", "limits"})));
    EXPECT_EQ(content_of(canary), "own\n");
    EXPECT_EQ(content_of(archive_), "stays");
    ASSERT_TRUE(succeeds(holmctl({"export-tar", "limits", folder() + "/merged.tar"})));
    EXPECT_EQ(sh(fmt::format("tar -tf {}/merged.tar | grep out", folder())).out, "out/\nout/canary\n");
}

TEST_F(ArchiveLimitsTest, DocumentsOfOciAreBounded)
{
    Layout large{.layers = {{.tar = tar_of({{.name = "x", .content = "x"}})}}};
    large.more_in_manifest = fmt::format(R"(, "annotations": {{"a": "{}"}})", std::string(11 << 20, 'a'));
    write_layout(folder() + "/large", large);
    Outcome outcome;
    EXPECT_LT(peak_of({"import-oci", folder() + "/large", "limits"}, outcome), most_kilobytes);
    EXPECT_TRUE(refuses(outcome, 1, "limits"));
    // An index that leads to itself: by a digest it cannot, so each leads to the next one.
    const std::string path = folder() + "/nested", type = "application/vnd.oci.image.index.v1+json";
    write_layout(path, {.layers = {{.tar = tar_of({{.name = "x", .content = "x"}})}}});
    std::string index = content_of(path + "/index.json");
    for (int i = 0; i < 100; ++i) {
        const std::string hex = sha256(index);
        write_file(path + "/blobs/sha256/" + hex, index);
        index = fmt::format(R"({{"schemaVersion": 2, "manifests": [{{"mediaType": "{}", "digest": "sha256:{}", "size": {}}}]}})", type, hex,
                            index.size());
    }
    write_file(path + "/index.json", index);
    EXPECT_TRUE(refuses(holmctl({"import-oci", path, "limits"}), 1, "limits"));
    expect_nothing_left("documents");
}

}  // namespace holm::test
