// By what paths a start and an end write, as strace(1) sees them: below a machine's root, where anything may be a link or be exchanged
// for one at any moment, by a single name in a folder that is held open, or by openat2 that stays in the root.
#include <csignal>
#include <functional>
#include <map>
#include <optional>
#include <regex>
#include <set>

#include "base/text.h"
#include "host.h"

namespace holm::test {

namespace {

constexpr const char* calls =
    "open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,unlink,unlinkat,rmdir,rename,renameat,renameat2,"
    "chmod,fchmodat,chown,lchown,fchownat,truncate,utimensat,setxattr,lsetxattr,mount,umount2,move_mount,pivot_root,chroot,chdir,fchdir";

// A call by its name, and the paths that it is given with the folder in which each begins.
struct Call {
    int pid = 0;
    std::string name, line;
    struct Path {
        std::string folder, path;
    };
    std::vector<Path> paths;
};

// A line of `strace -f -y`; `folders` knows the working folder of each process.
std::optional<Call> read_call(const std::string& line, std::map<int, std::string>& folders)
{
    static const std::regex form(R"re(^(\d+) +(\w+)\((.*)$)re"), argument(R"re((?:(?:\d+|AT_FDCWD)<([^>]*)>, )?"([^"]*)")re");
    std::smatch match;
    if (!std::regex_match(line, match, form)) return {};
    Call call{std::stoi(match[1]), match[2], line, {}};
    const std::string rest = match[3];
    for (std::sregex_iterator one(rest.begin(), rest.end(), argument), end; one != end; ++one) {
        const std::string path = (*one)[2];
        call.paths.push_back({path.starts_with('/') ? "" : (*one)[1].matched ? (*one)[1].str() : folders[call.pid], path});
    }
    if (call.name.starts_with("symlink") && !call.paths.empty()) call.paths.erase(call.paths.begin());  // what it says, no place
    if (call.name == "chdir" && !call.paths.empty()) folders[call.pid] = call.paths[0].path;
    if (call.name == "fchdir") folders[call.pid] = std::regex_search(rest, match, std::regex("<([^>]*)>")) ? match[1].str() : "";
    return call;
}

bool writes(const Call& call)
{
    if (call.name.ends_with("chdir")) return false;
    if (!call.name.starts_with("open")) return true;
    return std::regex_search(call.line, std::regex("O_WRONLY|O_RDWR|O_CREAT|O_TRUNC"));
}

}  // namespace

class PathsTest : public SystemTest {
protected:
    // What holmd and all that it starts call while `work` is done.
    std::vector<Call> calls_of(const std::function<void()>& work)
    {
        const std::string file = folder() + "/trace";
        const int holmd = holmd_pid();
        Process strace(
            {"strace", "-f", "-q", "-y", "-s", "4096", "-p", std::to_string(holmd), "-o", file, "-e", fmt::format("trace={}", calls)});
        EXPECT_TRUE(eventually([&] { return status_line(holmd, "TracerPid") != "0" || strace.ended(); }));
        work();
        strace.signal(SIGINT);
        strace.wait(10s);
        std::map<int, std::string> folders;
        std::vector<Call> found;
        const std::string text = content_of(file);
        for (std::string_view line : split(text, '\n'))
            if (auto call = read_call(std::string(line), folders)) found.push_back(std::move(*call));
        return found;
    }
};

// CVE-2025-52881, CVE-2021-30465 and their kind.
TEST_F(PathsTest, NothingIsWrittenByAPathBelowARoot)
{
    const std::string root = busybox(), machine = name();
    const auto seen = calls_of([&] {
        EXPECT_TRUE(succeeds(holmctl({"run", "--rm", "--name=" + machine, "--root=" + root, "--network=none", "--tmpfs=/srv/deep/er",
                                      fmt::format("--bind={}:/srv/share/{}", folder(), machine), "--", "/bin/true"})));
        EXPECT_TRUE(eventually([&] { return state_of(machine).empty(); }));
    });
    std::set<int> inside;  // processes whose root is that of the machine
    int held = 0;
    for (const Call& call : seen) {
        if (call.name == "pivot_root") inside.insert(call.pid);
        if (!writes(call) || call.name == "pivot_root") continue;
        for (const auto& [folder, path] : call.paths) {
            const std::string whole = folder + "/" + path;
            const bool below = whole.starts_with("/run/holm/root/") || whole.starts_with("//run/holm/root/") ||
                               whole.find(root + "/") != whole.npos || inside.contains(call.pid);
            if (!below) continue;
            const bool stays = call.line.contains("RESOLVE_IN_ROOT") || call.line.contains("RESOLVE_BENEATH");
            EXPECT_TRUE(stays || !path.contains('/')) << call.line;
            ++held;
        }
    }
    EXPECT_EQ(inside.size(), 1U);
    EXPECT_GT(held, 20) << "the trace shows hardly anything: " << seen.size() << " calls";
}

}  // namespace holm::test
