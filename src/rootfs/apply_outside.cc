#include "rootfs/apply_outside.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "kernel/idmap.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/apply_mounts.h"
#include "rootfs/apply_overlay.h"

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

namespace {

Result<> attach_copy(int file, int memory, const char* name)
{
    if (::mkdirat(memory, name, 0755)) return sys_error("cannot make '{}'", name);
    Fd target = TRY(open_at(memory, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
    Fd copy = TRY(kernel::clone_mount(file, kernel::Subtree::WithMountsBelow));
    return kernel::attach_mount(copy.get(), target.get());
}

}  // namespace

Result<Fd> make_runtime_root(int root)
{
    Fd memory =
        TRY(kernel::make_mount({.type = "tmpfs", .options = {{"mode", "0700"}, {"size", "64M"}}, .attributes = kernel::no_suid_dev}));
    TRY(attach_in_stage(memory.get(), "runtime"));
    for (const char* name : {"proc", "sys", "tmp"})
        if (::mkdirat(memory.get(), name, 0755)) return sys_error("cannot make '{}' for the runtime", name);
    TRY(attach_copy(root, memory.get(), "root"), "root of the sandbox");
    // By no path of the machine's, which may have a link there.
    Fd devices = TRY(kernel::open_in_root(root, "dev", O_PATH | O_DIRECTORY, kernel::Links::Refuse));
    TRY(attach_copy(devices.get(), memory.get(), "dev"), "'/dev' of the runtime");
    auto temporary = kernel::open_in_root(root, "tmp", O_PATH | O_DIRECTORY, kernel::Links::Refuse);
    if (temporary) TRY(attach_copy(temporary->get(), memory.get(), runtime_tmp), "'/tmp' of the sandbox");
    return memory;
}

}  // namespace holm::rootfs
