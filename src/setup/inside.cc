#include "setup/inside.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "kernel/namespace.h"
#include "kernel/path.h"
#include "kernel/process.h"
#include "launch/hold.h"
#include "network/apply_machine.h"
#include "rootfs/apply_inside.h"
#include "setup/console.h"
#include "setup/payload.h"
#include "setup/sandbox.h"

namespace holm::setup {

namespace {

// No folder of the host may stay open (CVE-2024-21626): this process has a copy of every descriptor of the one outside.
Result<> keep_only(const InsideInput& input, const Status& status)
{
    auto pipe = [&](size_t i) { return i < input.pipes.size() ? input.pipes[i].get() : -1; };
    return kernel::close_descriptors_but({status.socket(), input.go.get(), input.runtime.get(), pipe(0), pipe(1), pipe(2)});
}

// The one outside failed, and has said so, where no byte comes.
void wait_for_go(const Fd& go)
{
    char byte;
    ssize_t size;
    while ((size = ::read(go.get(), &byte, 1)) < 0 && errno == EINTR) {}
    if (size != 1) ::_exit(1);
}

// Every group of the machine may send ICMP echoes without CAP_NET_RAW (icmp(7), ping_group_range), as on a host of systemd's. A kernel
// without the file has its own ways.
void allow_ping(int root, const launch::Plan& plan)
{
    constexpr uint32_t last_group = INT32_MAX;  // of the file, net/ipv4/sysctl_net_ipv4.c
    auto file = kernel::open_in_root(root, "proc/sys/net/ipv4/ping_group_range", O_WRONLY, kernel::Links::Refuse);
    if (file) static_cast<void>(write_all(file->get(), fmt::format("0 {}\n", std::min(plan.rootfs.ids.count - 1, last_group))));
}

Result<> enter_root(const launch::Plan& plan, Streams& streams, Fd& runtime_root, Status& status)
{
    rootfs::Inside inside = TRY(rootfs::mount_inside(plan.rootfs));
    if (!plan.security.runtime.empty()) runtime_root = TRY(rootfs::take_runtime_root());
    if (plan.network.kind != network::Kind::Host) allow_ping(inside.root.get(), plan);
    if (plan.console == launch::Console::Terminal) {
        status.enter("console");
        streams.terminal = TRY(make_console(inside.devpts.get(), inside.root.get(), status));
        status.enter("root");
    }
    return rootfs::change_root(inside);
}

Result<kernel::User> resolve_user(const launch::Plan& plan, int root)
{
    // PID 1 of a system starts as the kernel would start it, whatever its passwd says.
    if (plan.payload.boot && plan.payload.user == "root") return kernel::User{.name = "root", .home = "/root"};
    return kernel::observe_user(root, plan.payload.user, plan.rootfs.ids.count);
}

}  // namespace

Result<> run_inside(InsideInput input, Status& status)
{
    const launch::Plan& plan = input.plan;
    TRY(keep_only(input, status));
    wait_for_go(input.go);
    status.enter("users");
    TRY(kernel::become_user({}));  // root of the machine's user namespace
    status.enter("root");
    Streams streams{.pipes = std::move(input.pipes), .terminal = {}};
    Fd runtime_root;
    TRY(enter_root(plan, streams, runtime_root, status), "root of the machine");
    Fd root = TRY(open_file("/", O_PATH | O_DIRECTORY));
    const std::vector<std::string> warnings = rootfs::write_files(root.get(), plan.rootfs.files);
    for (auto& warning : warnings) status.warn(warning);
    status.reach(launch::hold_mounts);
    status.enter("network");
    TRY(network::apply_inside(plan.network));
    if (!plan.payload.hostname.empty()) TRY(kernel::set_hostname(plan.payload.hostname));
    status.reach(launch::hold_network);
    status.enter("user");
    kernel::User user = TRY(resolve_user(plan, root.get()));
    status.enter("command");
    if (plan.payload.makes_working_directory) TRY(make_working_directory(root.get(), plan.payload.working_directory));
    Environment environment = plan.payload.environment;
    if (!plan.payload.boot) complete_environment(environment, user);
    status.reach(launch::hold_init);
    Launch launch{.security = plan.security,
                  .filter = input.filter,
                  .user = std::move(user),
                  .argv = plan.payload.command,
                  .program = "",
                  .environment = std::move(environment),
                  .working_directory = plan.payload.working_directory,
                  .streams = std::move(streams),
                  .init = plan.payload.stub ? Init::Stub : Init::None};
    if (!input.runtime) return launch_payload(std::move(launch), status);
    return launch_in_sandbox(std::move(launch), {.plan = plan, .program = std::move(input.runtime), .root = std::move(runtime_root)},
                             status);
}

}  // namespace holm::setup
