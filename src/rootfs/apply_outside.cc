#include "rootfs/apply_outside.h"

#include "kernel/idmap.h"
#include "rootfs/apply_mounts.h"

namespace holm::rootfs {

Result<Outside> build_root(OutsideInput input)
{
    const Plan& plan = input.plan;
    TRY(kernel::act_on_files_as(plan.ids.base));
    Layers layers = TRY(
        attach_root({.plan = plan, .sources = input.sources, .user_namespace = input.user_namespace, .memory = std::move(input.memory)}));
    int root = layers.root.get();
    Fd notify = TRY(attach_folders({.plan = plan, .root = root, .console = input.console, .credentials = input.credentials}));
    TRY(attach_mounts({.plan = plan, .root = root, .user_namespace = input.user_namespace, .sources = input.sources}));
    return Outside{.root = std::move(layers.root), .notify = std::move(notify), .memory = std::move(layers.memory)};
}

}  // namespace holm::rootfs
