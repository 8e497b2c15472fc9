#include "daemon/diff_report.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include <nlohmann/json.hpp>

#include "api/names.h"
#include "base/text.h"
#include "kernel/path.h"
#include "rootfs/diff.h"
#include "rootfs/seal.h"

namespace holm::daemon {

namespace {

using rootfs::Change;
using rootfs::Difference;
using rootfs::FileState;
using rootfs::History;
using rootfs::UpperPlace;

constexpr size_t most_bytes = 64 << 20;  // of a report: it is held in memory
constexpr size_t buffer_size = 64 << 10;

nlohmann::json describe_state(const FileState& state)
{
    return {{"type", rootfs::describe_type(state.mode)},
            {"mode", fmt::format("{:04o}", state.mode & 07777)},
            {"user", state.user},
            {"group", state.group},
            {"size", state.size}};
}

std::string describe_line(const Change& change)
{
    nlohmann::json line = {{"path", printable(change.path, SIZE_MAX)}, {"change", rootfs::describe_difference(change.kind)}};
    if (change.kind != Difference::Added) line["before"] = describe_state(change.before);
    if (change.kind != Difference::Deleted) line["now"] = describe_state(change.now);
    if (!change.parts.empty()) line["parts"] = change.parts;
    return line.dump() + "\n";
}

// Lines that are gathered before they are written.
class Report {
public:
    explicit Report(int file) : file_(file) {}
    Result<> add(const std::string& line)
    {
        buffer_ += line;
        written_ += line.size();
        if (written_ > most_bytes)
            return error(Errc::NotSupported, "there are more changes than can be told: {} MiB of them", most_bytes >> 20);
        return buffer_.size() < buffer_size ? Result<>() : flush();
    }
    Result<> flush() { return write_all(file_, std::exchange(buffer_, {})); }

private:
    int file_;
    std::string buffer_;
    size_t written_ = 0;
};

Result<std::vector<Fd>> open_layers(const std::vector<std::string>& paths)
{
    std::vector<Fd> layers;
    for (const std::string& path : paths) {
        Fd layer = TRY(kernel::open_source(path, O_RDONLY | O_NONBLOCK));
        struct stat status;
        if (::fstat(layer.get(), &status)) return sys_error("cannot look at '{}'", printable(path));
        if (!S_ISDIR(status.st_mode))
            return error(Errc::NotSupported, "the layer '{}' is a disk image, and changes can be told against folders alone",
                         printable(path));
        layers.push_back(std::move(layer));
    }
    return layers;
}

// The stacks that are compared, as paths.
struct Stacks {
    std::vector<std::string> own, base;
    bool whole = false;
};

// Against a snapshot that lies below the upper only what came later is gone through; else two whole roots are compared.
Result<Stacks> choose_stacks(const UpperPlace& place, const History& history, const std::vector<std::string>& root, const std::string& tag)
{
    Stacks stacks{.own = rootfs::layer_paths(place, history), .base = root};
    const bool started = ::access(place.path.c_str(), F_OK) == 0;
    if (started) stacks.own.insert(stacks.own.begin(), place.path);
    if (tag.empty()) return stacks;
    const History then = TRY(rootfs::plan_rollback(history, "", tag));
    const size_t later = history.layers.size() - std::min(history.layers.size(), then.layers.size());
    const std::vector<std::string> same(history.layers.begin() + static_cast<ptrdiff_t>(later), history.layers.end());
    const auto below = rootfs::layer_paths(place, then);
    stacks.base.insert(stacks.base.begin(), below.begin(), below.end());
    stacks.whole = same != then.layers;
    if (stacks.whole) stacks.own.insert(stacks.own.end(), root.begin(), root.end());
    else stacks.own.resize(stacks.own.size() - then.layers.size());
    return stacks;
}

}  // namespace

Result<Fd> report_changes(const SnapshotRequest& request, const launch::Plan& plan)
{
    const UpperPlace place = TRY(sealable_upper(request.name, request.spec));
    const History history = TRY(rootfs::read_history(place));
    const auto& lower = plan.rootfs.lower;
    const std::vector<std::string> root(lower.begin() + static_cast<ptrdiff_t>(std::min(history.layers.size(), lower.size())), lower.end());
    const Stacks stacks = TRY(choose_stacks(place, history, root, request.tag));
    rootfs::DiffInput input{.own = {}, .base = {}, .whole = stacks.whole};
    input.own = TRY(open_layers(stacks.own)), input.base = TRY(open_layers(stacks.base));

    Fd file(::memfd_create("holm-diff", MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (!file) return sys_error("cannot make a file in memory");
    Report report(file.get());
    TRY(rootfs::diff(input, [&](const Change& change) { return report.add(describe_line(change)); }));
    TRY(report.flush());
    if (::lseek(file.get(), 0, SEEK_SET) || ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return sys_error("cannot seal a file in memory");
    return file;
}

}  // namespace holm::daemon
