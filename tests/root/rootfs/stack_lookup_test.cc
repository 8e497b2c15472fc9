// What a path names over several layers, against the kernel's own overlayfs over the same layers.
#include "rootfs/stack_lookup.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <random>

#include "kernel/path.h"
#include "workbench.h"

namespace holm::rootfs {
namespace {

class StackLookup : public test::Workbench {
protected:
    Found find(std::string_view path, std::initializer_list<const char*> layers)
    {
        Stack stack;
        for (const char* layer : layers) stack.push_back(open(layer));
        auto found = find_in_stack(stack, path);
        EXPECT_TRUE(found) << found.error().text;
        return found ? *found : Found{};
    }
};

using Kind = Found::Kind;

TEST_F(StackLookup, TheTopmostLayerDecides)
{
    file("a/bin/x", 0755), file("b/bin/x", 0644), file("b/bin/y", 0755);
    EXPECT_TRUE(find("/bin/x", {"a", "b"}).executable);
    EXPECT_FALSE(find("/bin/x", {"b", "a"}).executable);
    EXPECT_EQ(find("/bin/y", {"a", "b"}).kind, Kind::File);
    EXPECT_EQ(find("/bin/z", {"a", "b"}).kind, Kind::Missing);
    EXPECT_EQ(find("/bin", {"a", "b"}).kind, Kind::Folder);
    EXPECT_EQ(find("/", {"a", "b"}).kind, Kind::Folder);
}

TEST_F(StackLookup, WhiteoutsAndOpaqueFoldersHide)
{
    file("b/bin/x", 0755), file("b/etc/x"), file("b/lib/x");
    whiteout("a/bin/x"), whiteout("a/lib"), folder("a/etc");
    EXPECT_EQ(find("/bin/x", {"a", "b"}).kind, Kind::Missing);
    EXPECT_EQ(find("/lib/x", {"a", "b"}).kind, Kind::Missing);
    EXPECT_EQ(find("/etc/x", {"a", "b"}).kind, Kind::File);
    ASSERT_EQ(setxattr(at("a/etc").c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
    EXPECT_EQ(find("/etc/x", {"a", "b"}).kind, Kind::Missing);
}

TEST_F(StackLookup, AFileHidesTheFolderBelow)
{
    file("a/x"), file("b/x/y");
    EXPECT_EQ(find("/x/y", {"a", "b"}).kind, Kind::Missing);
    folder("c/x");
    EXPECT_EQ(find("/x/y", {"c", "a", "b"}).kind, Kind::Missing);  // c's folder over a's file over b's folder
}

TEST_F(StackLookup, LinksAreFollowedInsideAndOverLayers)
{
    link("a/sbin", "usr/sbin"), link("a/usr/sbin/init", "/lib/systemd/systemd"), link("a/lib", "/../../usr/lib");
    file("b/usr/lib/systemd/systemd", 0755);
    Found found = find("/sbin/init", {"a", "b"});
    EXPECT_EQ(found.kind, Kind::File);
    EXPECT_EQ(found.path, "/usr/lib/systemd/systemd");
    EXPECT_EQ(found.asked, "/sbin/init");
}

TEST_F(StackLookup, LoopsAndDeepChainsEnd)
{
    link("a/x", "y"), link("a/y", "x"), link("a/self", "self/self"), link("a/dots", "../../../dots/..");
    EXPECT_EQ(find("/x", {"a"}).kind, Kind::Missing);
    EXPECT_EQ(find("/self", {"a"}).kind, Kind::Missing);
    EXPECT_EQ(find("/dots", {"a"}).kind, Kind::Missing);
    EXPECT_EQ(find("/x/../../../x", {"a"}).kind, Kind::Missing);
}

TEST_F(StackLookup, TargetsOfLinks)
{
    link("a/etc/localtime", "../usr/share/zoneinfo/UTC");
    Stack stack;
    stack.push_back(open("a"));
    EXPECT_EQ(*read_link_in_stack(stack, "/etc/localtime"), "../usr/share/zoneinfo/UTC");
    EXPECT_EQ(*read_link_in_stack(stack, "/etc"), "");
    EXPECT_EQ(*read_link_in_stack(stack, "/nothing"), "");
}

// Random stacks: each layer a few names, as folders, files, links, whiteouts and opaque folders.
class RandomStack {
public:
    explicit RandomStack(unsigned seed) : engine_(seed) {}
    unsigned below(unsigned end) { return std::uniform_int_distribution<unsigned>(0, end - 1)(engine_); }
    std::string name() { return std::string(1, static_cast<char>('a' + below(3))); }
    std::string path(unsigned depth)
    {
        std::string made;
        for (unsigned i = 0; i < depth; ++i) made += "/" + (below(8) == 0 ? std::string("..") : name());
        return made;
    }

private:
    std::mt19937 engine_;
};

// What the kernel finds at `path` of the mounted stack, resolved within it.
Found kernel_finds(int root, const std::string& path)
{
    Found found{.asked = path};
    auto opened = kernel::open_in_root(root, path, O_PATH, kernel::Links::Inside);
    if (!opened) return found;
    struct stat status;
    EXPECT_EQ(fstat(opened->get(), &status), 0);
    found.kind = S_ISREG(status.st_mode) ? Kind::File : S_ISDIR(status.st_mode) ? Kind::Folder : Kind::Other;
    found.executable = S_ISREG(status.st_mode) && (status.st_mode & 0111);
    return found;
}

TEST_F(StackLookup, AgreesWithOverlayfs)
{
    for (unsigned seed = 0; seed < 200 && !HasFailure(); ++seed) {
        SCOPED_TRACE(seed);
        RandomStack random(seed);
        std::string base = fmt::format("{}", seed);
        Stack stack;
        for (unsigned layer = 0; layer < 3; ++layer) {
            std::string layer_top = fmt::format("{}/{}", base, layer);
            folder(layer_top);
            for (unsigned i = 0; i < 8; ++i) {
                // Made below what is there already as a folder, so that every name is new or refused.
                std::string where = layer_top;
                for (unsigned depth = random.below(3); depth > 0; --depth) where += "/" + random.name();
                struct stat status;
                if (lstat(at(where).c_str(), &status) == 0 && !S_ISDIR(status.st_mode)) continue;
                std::error_code failure;
                if (mkdir(at(where).c_str(), 0755) && errno != EEXIST) continue;
                std::string one = where + "/" + random.name();
                if (lstat(at(one).c_str(), &status) == 0) continue;
                switch (random.below(5)) {
                case 0: folder(one); break;
                case 1: file(one, random.below(2) ? 0755 : 0644); break;
                case 2: link(one, random.below(2) ? random.path(2) : random.name() + random.path(1)); break;
                case 3: whiteout(one); break;
                case 4:
                    folder(one);
                    ASSERT_EQ(setxattr(at(one).c_str(), "trusted.overlay.opaque", "y", 1, 0), 0);
                    break;
                }
            }
            stack.push_back(open(layer_top));
        }
        std::string merged = base + "/merged", options;
        folder(merged);
        options = fmt::format("lowerdir={}:{}:{}", at(base + "/0"), at(base + "/1"), at(base + "/2"));
        ASSERT_EQ(mount("overlay", at(merged).c_str(), "overlay", MS_RDONLY, options.c_str()), 0) << strerror(errno);
        Fd root = open(merged);
        for (unsigned i = 0; i < 100; ++i) {
            std::string path = random.path(1 + random.below(4));
            Found expected = kernel_finds(root.get(), path), found = *find_in_stack(stack, path);
            EXPECT_EQ(found.kind, expected.kind) << path;
            EXPECT_EQ(found.executable, expected.executable) << path;
            if (found.kind == Kind::Missing) continue;
            // The path without links leads to the same.
            EXPECT_EQ(kernel_finds(root.get(), found.path).kind, expected.kind) << path << " -> " << found.path;
        }
        umount2(at(merged).c_str(), MNT_DETACH);
    }
}

}  // namespace
}  // namespace holm::rootfs
