// A real image, nginx on Debian in five layers made by umoci and skopeo (tests/host/nginx-image), as somebody would bring it along: it is
// what umoci unpacks, and it serves as the image says.
#include <filesystem>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

// A line for each path of a tree: type and mode, owner, extended attributes, where a link leads, the hash of what a file holds.
constexpr const char* lister = R"(
import hashlib, os, stat, sys

def describe(path):
    status = os.lstat(path)
    words = [os.path.relpath(path, root), "%o" % status.st_mode, "%d:%d" % (status.st_uid, status.st_gid)]
    for name in sorted(os.listxattr(path, follow_symlinks=False)):
        words.append(name + "=" + os.getxattr(path, name, follow_symlinks=False).hex())
    if stat.S_ISLNK(status.st_mode):
        words.append("-> " + os.readlink(path))
    if stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            words.append(hashlib.sha256(file.read()).hexdigest())
    return " ".join(words)

root = sys.argv[1]
print("\n".join(sorted(describe(os.path.join(folder, name)) for folder, folders, files in os.walk(root) for name in [".", *folders, *files])))
)";

}  // namespace

class RealImageTest : public SystemTest {
protected:
    static std::string place() { return std::filesystem::path(guest()).parent_path().string() + "/nginx"; }

    void SetUp() override
    {
        if (!exists(place())) GTEST_SKIP() << "there is no image at " << place();
        // What is made at the first use of the store and of the network stays.
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock && holmctl run --rm --root=\"$HOLM_BUSYBOX\" --read-only --network=holm0 -- /bin/true");
        eventually([] { return sh("systemctl list-units --all --plain --no-legend 'holm-network@*'").out.empty(); });
        SystemTest::SetUp();
    }
    void TearDown() override
    {
        if (IsSkipped()) return;
        for (const char* image : {"layout", "saved"}) holmctl({"remove-image", image});
        SystemTest::TearDown();
    }

    // Topmost first: what stands first in a manifest.
    static std::vector<std::string> layers_of(const std::string& image)
    {
        const Outcome found =
            sh(fmt::format("cd /var/lib/holm/images; sed '/]/q' .manifests/$(grep -oE '[0-9a-f]{{64}}' {}.toml).toml | "
                           "grep -oE '[0-9a-f]{{64}}'",
                           image));
        std::vector<std::string> layers;
        for (std::string_view line : split(found.out, '\n'))
            if (!line.empty()) layers.emplace_back(line);
        return layers;
    }
    std::string list(const std::string& mount, const std::string& tree)
    {
        write_file(folder() + "/lister.py", lister);
        make_folder(folder() + "/merged");
        const Outcome listed = sh(fmt::format("unshare --mount bash -ec '{} python3 {}/lister.py {}'", mount, folder(), tree), 120s);
        EXPECT_TRUE(succeeds(listed));
        return listed.out;
    }
    // What the kernel merges of the layers in the store.
    std::string list_merged(const std::vector<std::string>& layers)
    {
        std::string lower;
        for (const std::string& id : layers) lower += fmt::format("{}{}/tree", lower.empty() ? "" : ":", id);
        return list(fmt::format("cd /var/lib/holm/layers; mount -t overlay overlay -o ro,lowerdir={} {}/merged;", lower, folder()),
                    folder() + "/merged");
    }
    static std::string page(const std::string& address, int port)
    {
        return sh(fmt::format("exec 3<>/dev/tcp/{}/{} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && timeout 20 tail -n 1 <&3", address,
                              port))
            .out;
    }
};

TEST_F(RealImageTest, IsWhatUmociUnpacksAndServesAsItSays)
{
    ASSERT_TRUE(succeeds(holmctl({"import-oci", place() + "/oci", "layout"}, {}, 120s)));
    ASSERT_TRUE(succeeds(holmctl({"import-oci", place() + "/docker.tar", "saved"}, {}, 120s)));
    const std::vector<std::string> layers = layers_of("layout");
    EXPECT_EQ(layers.size(), 5U);
    EXPECT_EQ(layers_of("saved"), layers);

    const std::string expected = list("", place() + "/tree"), merged = list_merged(layers);
    for (const char* word : {"security.capability", "user.holm", "usr/sbin/nginx"}) EXPECT_TRUE(expected.contains(word)) << word;
    write_file(folder() + "/expected", expected);
    write_file(folder() + "/there", merged);
    EXPECT_EQ(sh(fmt::format("cd {}; diff expected there | head -n 40", folder())).out, "");

    for (const char* image : {"layout", "saved"}) {
        const std::string web = name("nginx");
        ASSERT_TRUE(
            succeeds(holmctl({"run", "--detach", "--name=" + web, fmt::format("--image={}", image), "--publish=127.0.0.1:18080:8080"})));
        const std::string address(trim(
            sh(fmt::format("nsenter -t {} -n ip -4 -o address show dev eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'", leader_of(web))).out));
        EXPECT_TRUE(eventually([&] { return page(address, 8080) == "hello from a real image\n"; }, 60s)) << address;
        EXPECT_TRUE(eventually([] { return page("127.0.0.1", 18080) == "hello from a real image\n"; }, 60s));
        EXPECT_TRUE(has(inside(web, "grep ^Uid: /proc/1/status").out, "33\t33\t33\t33"));
        EXPECT_TRUE(has(inside(web, "tr '\\0' ' ' </proc/1/cmdline").out, "nginx"));
        EXPECT_TRUE(succeeds(holmctl({"stop", web})));
        EXPECT_EQ(state_of(web), "stopped");  // by the signal that the image names, with status 0
        take_away(web);
    }
}

}  // namespace holm::test
