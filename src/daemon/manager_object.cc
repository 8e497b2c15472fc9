#include "daemon/manager_object.h"

#include "api/names.h"
#include "daemon/running_transfer.h"
#include "launch/hold.h"

namespace holm::daemon {

using machine::MachineName;

ManagerObject::ManagerObject(Host host, Lifecycle& lifecycle, Authority& authority, Reload reload)
    : host_(host), lifecycle_(lifecycle), authority_(authority), reload_(std::move(reload)), image_jobs_(host.loop, host.jobs)
{
    build_vtable();
}

ManagerObject::~ManagerObject() = default;

// As src/api/org.holm1.Manager.xml, in its order; tests/bus compares the two.
void ManagerObject::build_vtable()
{
    using M = ManagerObject;
    builder_.property<&M::version>("Version", systemd::Changes::Const)
        .method<&M::get_machine>("GetMachine", "name", "o", "machine")
        .method<&M::get_machine_by_pid>("GetMachineByPID", "pid", "o", "machine")
        .method<&M::list_machines>("ListMachines", "", "a(ssso)", "machines")
        .method<&M::list_all>("ListAll", "", "a(sssosubsa{ss})", "machines")
        .method<&M::describe>("DescribeMachine", "name", "a{sv}", "properties")
        .method<&M::start>("StartMachine", "name", "o", "job")
        .method<&M::start_held>("StartMachineHeld", "name hold", "o", "job")
        .method<&M::go_on>("ContinueMachine", "name", "o", "job")
        .method<&M::abort>("AbortMachine", "name")
        .method<&M::stop>("StopMachine", "name", "o", "job")
        .method<&M::restart>("RestartMachine", "name", "o", "job")
        .method<&M::reboot>("RebootMachine", "name")
        .method<&M::terminate>("TerminateMachine", "name")
        .method<&M::kill>("KillMachine", "name whom signal")
        .method<&M::freeze>("FreezeMachine", "name")
        .method<&M::thaw>("ThawMachine", "name")
        .method<&M::freeze>("Freeze", "name")
        .method<&M::thaw>("Thaw", "name")
        .method<&M::set_properties>("SetProperties", "name properties runtime")
        .method<&M::explain>("ExplainMachine", "name", "a{sv}", "explanation")
        .method<&M::check_machine>("CheckMachine", "name what", "b", "passed")
        .method<&M::enable>("EnableMachine", "name now", "o", "job")
        .method<&M::disable>("DisableMachine", "name now", "o", "job")
        .method<&M::run>("RunMachine", "name definition options fds", "sooh", "name machine job session")
        .method<&M::prepare>("PrepareMachine", "name", "s", "plan")
        .method<&M::exec>("Exec", "name options command environment fds", "h", "session")
        .method<&M::debug>("DebugMachine", "name tools options command fds", "h", "session")
        .method<&M::attach_machine>("AttachMachine", "name rows columns", "h", "session")
        .method<&M::open_pty>("OpenMachinePTY", "name", "hs", "pty pty_path")
        .method<&M::open_login>("OpenMachineLogin", "name", "hs", "pty pty_path")
        .method<&M::open_shell>("OpenMachineShell", "name user path args environment", "hs", "pty pty_path")
        .method<&M::copy_to>("CopyToMachine", "name source destination")
        .method<&M::copy_from>("CopyFromMachine", "name source destination")
        .method<&M::copy_to_with_flags>("CopyToMachineWithFlags", "name source destination flags")
        .method<&M::copy_from_with_flags>("CopyFromMachineWithFlags", "name source destination flags")
        .method<&M::copy_stream_to>("CopyStreamToMachine", "name tar destination flags")
        .method<&M::copy_stream_from>("CopyStreamFromMachine", "name source tar")
        .method<&M::copy_between>("CopyBetweenMachines", "from source to destination flags")
        .method<&M::bind_mount>("BindMountMachine", "name source destination read_only mkdir")
        .method<&M::unbind_mount>("UnbindMountMachine", "name destination")
        .method<&M::os_release>("GetMachineOSRelease", "name", "a{ss}", "fields")
        .method<&M::addresses>("GetMachineAddresses", "name", "a(iay)", "addresses")
        .method<&M::console>("GetConsole", "name", "ay", "output")
        .method<&M::create>("CreateMachine", "name definition")
        .method<&M::write>("WriteDefinition", "name definition")
        .method<&M::read>("ReadDefinition", "name", "ss", "definition origin")
        .method<&M::remove>("RemoveMachine", "name")
        .method<&M::clone>("CloneMachine", "name new_name", "o", "job")
        .method<&M::rename>("RenameMachine", "name new_name", "o", "job")
        .method<&M::snapshot>("SnapshotMachine", "name tag options", "so", "tag job")
        .method<&M::list_snapshots>("ListSnapshots", "name", "a(sttub)", "snapshots")
        .method<&M::remove_snapshot>("RemoveSnapshot", "name tag", "o", "job")
        .method<&M::rollback>("RollbackMachine", "name tag", "o", "job")
        .method<&M::snapshot_group>("SnapshotGroup", "slice tag options", "sasao", "tag machines jobs")
        .method<&M::rollback_group>("RollbackGroup", "slice tag", "asao", "machines jobs")
        .method<&M::diff>("DiffMachine", "name since", "h", "changes")
        .method<&M::commit>("CommitMachine", "name image options", "o", "job")
        .method<&M::compare_rebase>("CompareRebase", "name image", "h", "changes")
        .method<&M::rebase>("RebaseMachine", "name image options", "so", "tag job")
        .method<&M::undo_rebase>("UndoRebase", "name", "o", "job")
        .method<&M::verify>("Verify", "name definition")
        .method<&M::plan_machine>("PlanMachine", "name", "s", "plan")
        .method<&M::plan_changes>("PlanChanges", "name", "a(ssss)", "changes")
        .method<&M::apply_changes>("ApplyChanges", "name confirm", "a(ssss)", "changes")
        .method<&M::confirm_changes>("ConfirmChanges", "name")
        .method<&M::revert_changes>("RevertChanges", "name")
        .method<&M::plan_definition>("PlanDefinition", "name definition", "s", "plan")
        .method<&M::list_images>("ListImages", "", "a(ssbttto)", "images")
        .method<&M::get_image>("GetImage", "name", "o", "image")
        .method<&M::describe_image>("DescribeImage", "name", "a{sv}", "properties")
        .method<&M::remove_image>("RemoveImage", "name")
        .method<&M::rename_image>("RenameImage", "name new_name")
        .method<&M::check_image_name>("CheckImageName", "name force")
        .method<&M::import_tar>("ImportTar", "fd name force read_only", "uo", "id job")
        .method<&M::import_raw>("ImportRaw", "fd name force read_only", "uo", "id job")
        .method<&M::import_folder>("ImportFileSystem", "fd name force read_only", "uo", "id job")
        .method<&M::import_oci>("ImportOci", "fd name reference force read_only", "uo", "id job")
        .method<&M::clone_image>("CloneImage", "name new_name read_only")
        .method<&M::mark_image_read_only>("MarkImageReadOnly", "name read_only")
        .method<&M::export_tar>("ExportTar", "name fd format", "uo", "id job")
        .method<&M::export_upper>("ExportUpper", "name fd format", "uo", "id job")
        .method<&M::export_oci>("ExportOci", "name fd format", "uo", "id job")
        .method<&M::list_layers>("ListLayers", "", "as", "digests")
        .method<&M::send_image>("SendImage", "name fd there", "uo", "id job")
        .method<&M::receive_image>("ReceiveImage", "fd name force read_only", "uo", "id job")
        .method<&M::prune_images>("PruneImages", "dry_run", "a(sst)", "gone")
        .method<&M::disk_usage>("DescribeDiskUsage", "", "a(sstt)", "usage")
        .method<&M::check_images>("CheckImages", "deep", "as", "problems")
        .method<&M::cancel_job>("CancelJob", "id")
        .method<&M::list_networks>("ListNetworks", "", "a(sbsasu)", "networks")
        .method<&M::get_network>("GetNetwork", "name", "o", "network")
        .method<&M::describe_network>("DescribeNetwork", "name", "a{sv}a(sssas)", "properties machines")
        .method<&M::create_network>("CreateNetwork", "name definition")
        .method<&M::remove_network>("RemoveNetwork", "name")
        .method<&M::connect>("Connect", "name network runtime")
        .method<&M::disconnect>("Disconnect", "name network runtime")
        .method<&M::publish>("Publish", "name port runtime")
        .method<&M::unpublish>("Unpublish", "name port runtime")
        .method<&M::list_volumes>("ListVolumes", "", "a(sttas)", "volumes")
        .method<&M::create_volume>("CreateVolume", "name size")
        .method<&M::remove_volume>("RemoveVolume", "name")
        .method<&M::reload>("Reload", "")
        .signal("MachineNew", "so", "name machine")
        .signal("MachineRemoved", "so", "name machine")
        .signal("JobNew", "uos", "id job machine")
        .signal("JobWarning", "uoss", "id job machine text")
        .signal("JobRemoved", "uosss", "id job machine result error");
    vtable_ = builder_.finish();
}

Result<> ManagerObject::attach()
{
    sd_bus_slot* slot = nullptr;
    if (int r = sd_bus_add_object_vtable(host_.bus.get(), &slot, api::root_path, api::manager_interface, vtable_, this); r < 0)
        return errno_error(-r, "cannot put {} on the bus", api::manager_interface);
    slot_.reset(slot);
    if (int r = sd_bus_add_object_manager(host_.bus.get(), &slot, api::root_path); r < 0)
        return errno_error(-r, "cannot put an ObjectManager on the bus");
    object_manager_.reset(slot);
    return {};
}

std::optional<Reply> ManagerObject::receive(sd_bus_message* message)
{
    const char* sender = sd_bus_message_get_sender(message);
    auto ticket = pending_calls_.admit(sender ? sender : "");
    if (ticket) return Reply(message, std::move(*ticket));
    Reply(message, {}).fail(ticket.error());
    return {};
}

namespace {

// Whether root in the machine is root of the host: by its plan while it runs, else by its definition. Its owner is not let in then.
bool is_root_of_host(const MachineEntry* machine, const Known* known)
{
    if (machine && machine->plan) return !machine->plan->rootfs.ids.shifts();
    if (!known || !known->spec) return false;
    const machine::UsersKind kind = known->spec->security.users.kind;
    return kind == machine::UsersKind::Host || kind == machine::UsersKind::Identity;
}

}  // namespace

// The owner of a machine is a detail for polkit's rules; of one that does not exist it is nobody, and the answer is the same.
void ManagerObject::authorise(Reply reply, Privilege privilege, const char* verb, const std::string& text, Allowed allowed,
                              std::string user)
{
    auto name = machine::parse_name(text);
    if (!name) return reply.fail(name.error());
    const Known* known = host_.catalogue.find(*name);
    if ((privilege == Privilege::Shell || privilege == Privilege::Login) && is_root_of_host(lifecycle_.find(*name), known))
        privilege = Privilege::Manage;
    Verb asked{.privilege = privilege, .name = verb, .machine = name->text(), .user = std::move(user)};
    if (known && known->spec) asked.owner = known->spec->owner;
    authority_.authorise(
        std::move(reply), std::move(asked),
        [name = std::move(*name), allowed = std::move(allowed)](Reply granted) mutable { allowed(std::move(granted), name); });
}

std::optional<MachineView> ManagerObject::view_or_fail(const MachineName& name, Reply& reply)
{
    auto view = find_view(lifecycle_, host_.catalogue, name);
    if (!view) reply.fail(lifecycle_.unknown(name));
    return view;
}

const MachineEntry* ManagerObject::started_or_fail(const MachineName& name, Reply& reply)
{
    if (!view_or_fail(name, reply)) return nullptr;
    const MachineEntry* machine = lifecycle_.find(name);
    if (machine && machine->life.started && machine->told.leader != 0) return machine;
    reply.fail(lifecycle_.not_running(name));
    return nullptr;
}

// -- the verbs of a machine -------------------------------------------------------------------------------------------------------

void ManagerObject::start(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "start", name,
              [this](Reply granted, const MachineName& machine) { lifecycle_.start(machine, "", std::move(granted)); });
}

void ManagerObject::start_held(Reply reply, const std::string& name, const std::string& hold)
{
    if (auto checked = launch::check_hold(hold); !checked) return reply.fail(checked.error());
    authorise(std::move(reply), Privilege::StartStop, "start", name,
              [this, hold](Reply granted, const MachineName& machine) { lifecycle_.start(machine, hold, std::move(granted)); });
}

void ManagerObject::go_on(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "continue", name,
              [this](Reply granted, const MachineName& machine) { lifecycle_.go_on(machine, std::move(granted)); });
}

void ManagerObject::abort(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "abort", name,
              [this](Reply granted, const MachineName& machine) { lifecycle_.abort(machine, std::move(granted)); });
}

void ManagerObject::stop(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "stop", name,
              [this](Reply granted, const MachineName& machine) { lifecycle_.stop(machine, std::move(granted)); });
}

void ManagerObject::restart(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "restart", name,
              [this](Reply granted, const MachineName& machine) { lifecycle_.restart(machine, std::move(granted)); });
}

void ManagerObject::terminate(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "terminate", name,
              [this](Reply granted, const MachineName& machine) { lifecycle_.terminate(machine, std::move(granted)); });
}

namespace {
auto with_nothing()
{
    return [](Reply reply, const kernel::Message&) { reply.ok(); };
}
}  // namespace

void ManagerObject::reboot(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "reboot", name, [this](Reply granted, const MachineName& machine) {
        lifecycle_.ask(machine, kernel::Message("reboot"), std::move(granted), with_nothing());
    });
}

void ManagerObject::kill(Reply reply, const std::string& name, std::string whom, int32_t signal)
{
    if (signal < 1 || signal > SIGRTMAX) return reply.fail(error(Errc::Invalid, "{} is no signal: they are 1 to {}", signal, SIGRTMAX));
    authorise(std::move(reply), Privilege::StartStop, "kill", name,
              [this, whom = std::move(whom), signal](Reply granted, const MachineName& machine) {
                  kernel::Message message("kill");
                  message.add("whom", whom.empty() ? "all" : whom).add("signal", int64_t{signal});
                  lifecycle_.ask(machine, std::move(message), std::move(granted), with_nothing());
              });
}

void ManagerObject::freeze(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "freeze", name, [this](Reply granted, const MachineName& machine) {
        if (auto free = lifecycle_.check_free_to_thaw(machine); !free) return granted.fail(free.error());
        lifecycle_.ask(machine, kernel::Message("freeze"), std::move(granted), with_nothing());
    });
}

void ManagerObject::thaw(Reply reply, const std::string& name)
{
    authorise(std::move(reply), Privilege::StartStop, "thaw", name, [this](Reply granted, const MachineName& machine) {
        if (auto free = lifecycle_.check_free_to_thaw(machine); !free) return granted.fail(free.error());
        lifecycle_.ask(machine, kernel::Message("thaw"), std::move(granted), with_nothing());
    });
}

}  // namespace holm::daemon
