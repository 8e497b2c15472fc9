#include "rootfs/own_tmpfs.h"

#include "base/text.h"

namespace holm::rootfs {

kernel::FileSystem own_tmpfs(const Plan& plan, std::initializer_list<std::pair<std::string, std::string>> options, uint64_t attributes)
{
    const std::string owner = fmt::format("{}", plan.ids.base);
    kernel::FileSystem tmpfs{.type = "tmpfs", .options = options, .attributes = attributes};
    tmpfs.options.insert(tmpfs.options.end(), {{"uid", owner}, {"gid", owner}});
    if (!plan.context.empty()) tmpfs.options.emplace_back("context", plan.context);
    return tmpfs;
}

}  // namespace holm::rootfs
