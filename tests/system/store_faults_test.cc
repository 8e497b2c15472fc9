// The image store when it is cut off and when the disk is full: whole afterwards, with the image or without it, and nothing else.
#include <algorithm>
#include <chrono>

#include "archive.h"
#include "base/text.h"
#include "host.h"

namespace holm::test {

class StoreFaultsTest : public SystemTest {
protected:
    static constexpr const char* layers = "/var/lib/holm/layers";
    void SetUp() override
    {
        sh("mkdir -p -m 700 /var/lib/holm/images/.manifests /var/lib/holm/layers && touch /var/lib/holm/layers/.lock && chmod 600 "
           "/var/lib/holm/layers/.lock");
        SystemTest::SetUp();
        root_ = busybox();
        ASSERT_TRUE(
            succeeds(sh(fmt::format("mkdir {0}/many && cd {0}/many && seq -f 'f%.0f' 500 | xargs touch && head -c 20M /dev/urandom "
                                    ">{0}/large && tar -C {0} -cf {1}/root.tar .",
                                    root_, folder()))));
        tar_ = folder() + "/root.tar";
    }
    void TearDown() override
    {
        holmctl({"remove-image", "faults"});
        SystemTest::TearDown();
    }
    static std::string left() { return sh(fmt::format("ls -A {} | grep -v '^.lock$' || true", layers)).out; }
    // With the image or without it, and nothing besides.
    static void expect_whole(const std::string& when)
    {
        ASSERT_TRUE(eventually([] { return holmctl({"list-images"}).code == 0; })) << when;
        // What was cut off goes when holmd has started, or is told; a process of the store may be at its last step meanwhile.
        // A layer that has landed without its image is what prune is for.
        auto whole = [] {
            return sh("pgrep -x holm-store").code == 1 && holmctl({"prune"}).code == 0 &&
                   std::ranges::count(left(), '\n') == (exists("/var/lib/holm/images/faults.toml") ? 1 : 0);
        };
        EXPECT_TRUE(eventually(whole, 60s)) << when << left();
        EXPECT_TRUE(succeeds(holmctl({"fsck", "--deep"}))) << when;
    }

    std::string root_, tar_;
};

TEST_F(StoreFaultsTest, AnImportThatIsKilledAtAnyMomentLeavesItWhole)
{
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(succeeds(holmctl({"import-tar", tar_, "faults"})));
    const auto whole = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begin);
    ASSERT_TRUE(succeeds(holmctl({"remove-image", "faults"})));
    const int moments = count(40, 8);
    for (int i = 0; i < moments; ++i) {
        Process import({"holmctl", "import-tar", tar_, "faults"});
        sleep_for(whole * (i + 1) / moments);
        if (i % 2) kill_holmd();
        else sh("pkill -KILL -x holm-store");
        import.wait();
        expect_whole(fmt::format("moment {} of {}", i, moments));
        if (exists("/var/lib/holm/images/faults.toml")) {
            EXPECT_TRUE(succeeds(holmctl({"remove-image", "faults"})));
        }
    }
    ASSERT_TRUE(succeeds(holmctl({"import-tar", tar_, "faults"})));
    expect_whole("at last");
}

TEST_F(StoreFaultsTest, ADiskThatIsFullIsSaid)
{
    // A tar is refused while there is room for holmd itself; a folder is copied until there is none.
    for (const char* size : {"256k", "512k", "1m", "2m", "4m", "8m", "16m", "20m", "21m", "120m"}) {
        ASSERT_TRUE(succeeds(sh(fmt::format("mount -t tmpfs -o mode=700,size={} tmpfs {}", size, layers))));
        for (const auto& [verb, source] : {std::pair{"import-tar", tar_}, std::pair{"import-fs", root_}}) {
            const Outcome outcome = holmctl({verb, source, "faults"});
            const bool fits = size == std::string("120m");
            EXPECT_TRUE(fits ? succeeds(outcome) : refuses(outcome, 1, "faults")) << verb << " " << size;
            expect_whole(fmt::format("{} with {}", verb, size));
            if (outcome.code == 0) {
                EXPECT_TRUE(succeeds(holmctl({"remove-image", "faults"})));
            }
        }
        EXPECT_TRUE(eventually([&] { return sh(fmt::format("umount {}", layers)).code == 0; }, 20s));
    }
}

TEST_F(StoreFaultsTest, AnImageOfTooManyLayersIsRefused)
{
    Layout layout;
    layout.layers.resize(static_cast<size_t>(count(10'000, 300)), {.tar = tar_of({{.name = "x", .content = "x"}})});
    write_layout(folder() + "/many", layout);
    EXPECT_TRUE(refuses(holmctl({"import-oci", folder() + "/many", "faults"}), 1, "layers"));
    expect_whole("refused");
}

}  // namespace holm::test
