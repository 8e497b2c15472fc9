// ManagerObject: org.holm1.Manager at /org/holm1. Decodes, authorises, hands on; what a caller may not do leaks nothing of what there
// is. Effects: answers calls.
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "daemon/authority.h"
#include "daemon/image_jobs.h"
#include "daemon/image_view.h"
#include "daemon/inside.h"
#include "daemon/lifecycle.h"
#include "daemon/live_mounts.h"
#include "daemon/live_networks.h"
#include "daemon/machine_view.h"
#include "daemon/planner_child.h"
#include "daemon/property_changes.h"
#include "daemon/reply.h"
#include "daemon/snapshots.h"
#include "daemon/transfers.h"
#include "systemd/vtable.h"

namespace holm::daemon {

class ManagerObject {
public:
    using Reload = std::move_only_function<Result<>()>;

    // `reload` reads holm.toml again.
    ManagerObject(Host host, Lifecycle& lifecycle, Authority& authority, Reload reload);
    ManagerObject(const ManagerObject&) = delete;
    ManagerObject& operator=(const ManagerObject&) = delete;
    ~ManagerObject();

    // Puts the object on a new connection.
    Result<> attach();

    // The answer of a call that is let in; empty where the caller has too many waiting.
    std::optional<Reply> receive(sd_bus_message* message);

    // The verbs that Machine objects have too.
    void start(Reply reply, const std::string& name);
    void start_held(Reply reply, const std::string& name, const std::string& hold);
    void go_on(Reply reply, const std::string& name);
    void abort(Reply reply, const std::string& name);
    void stop(Reply reply, const std::string& name);
    void restart(Reply reply, const std::string& name);
    void reboot(Reply reply, const std::string& name);
    void terminate(Reply reply, const std::string& name);
    void kill(Reply reply, const std::string& name, std::string whom, int32_t signal);
    void freeze(Reply reply, const std::string& name);
    void thaw(Reply reply, const std::string& name);
    void set_properties(Reply reply, const std::string& name, const Assignments& assignments, bool runtime);
    // And those of Image, Network and Job objects.
    void clone_image(Reply reply, const std::string& name, const std::string& new_name, bool read_only);
    void mark_image_read_only(Reply reply, const std::string& name, bool read_only);
    void remove_image(Reply reply, const std::string& name);
    void remove_network(Reply reply, const std::string& name);
    void rename_image(Reply reply, const std::string& name, const std::string& new_name);
    void cancel_job(Reply reply, uint32_t id);
    Images& images() { return images_; }
    // What imports have left that ended with a holmd before this one.
    void clean_up_images() { image_jobs_.clean_up(); }

private:
    using Allowed = std::move_only_function<void(Reply, const machine::MachineName&)>;
    using Views = std::vector<std::tuple<std::string, std::string, std::string, systemd::ObjectPath>>;

    void build_vtable();
    // Parses the name, asks whether the caller may, then calls `allowed`.
    void authorise(Reply reply, Privilege privilege, const char* verb, const std::string& name, Allowed allowed, std::string user = "");
    // The same where it is about a network.
    void authorise_network(Reply reply, Privilege privilege, const char* verb, const std::string& network, Allowed allowed);
    // The view of a machine that exists, or an answer that says that it does not.
    std::optional<MachineView> view_or_fail(const machine::MachineName& name, Reply& reply);
    // The same for one that runs and can be asked.
    const MachineEntry* started_or_fail(const machine::MachineName& name, Reply& reply);

    // what there is (manager_reads.cc)
    std::string version(const char* path);
    void get_machine(Reply reply, const std::string& name);
    void get_machine_by_pid(Reply reply, uint32_t pid);
    void find_by_pid(Reply reply, uint32_t pid);
    void list_machines(Reply reply);
    void list_all(Reply reply);
    void describe(Reply reply, const std::string& name);
    void explain(Reply reply, const std::string& name);
    void addresses(Reply reply, const std::string& name);
    void os_release(Reply reply, const std::string& name);
    void console(Reply reply, const std::string& name);
    void check_machine(Reply reply, const std::string& name, const std::string& what);

    // run, plan and definitions (manager_definitions.cc)
    void run(Reply reply, const std::string& name, std::string definition, const systemd::Options& options, std::vector<Fd> fds);
    void prepare(Reply reply, const std::string& name);
    void create(Reply reply, const std::string& name, std::string definition);
    void write(Reply reply, const std::string& name, std::string definition);
    void store(Reply reply, const machine::MachineName& name, const std::string& definition);
    void read(Reply reply, const std::string& name);
    void remove(Reply reply, const std::string& name);
    void verify(Reply reply, const std::string& name, std::string definition);
    void plan_machine(Reply reply, const std::string& name);
    void plan_definition(Reply reply, const std::string& name, std::string definition);
    void plan_as_text(Reply reply, PlanRequest request);
    void enable(Reply reply, const std::string& name, bool now);
    void disable(Reply reply, const std::string& name, bool now);
    void change_files(Reply reply, const machine::MachineName& name, systemd::UnitFiles change, bool now);
    void change_files_of_image(Reply reply, const machine::MachineName& name, systemd::UnitFiles change, bool now);
    void reload(Reply reply);

    // as it runs (manager_apply.cc)
    void plan_changes(Reply reply, const std::string& name);
    void apply_changes(Reply reply, const std::string& name, uint64_t confirm);
    void confirm_changes(Reply reply, const std::string& name);
    void revert_changes(Reply reply, const std::string& name);

    // properties (manager_set.cc)
    void change_properties(Reply reply, const machine::MachineName& name, const Assignments& assignments, bool runtime);
    struct UnitChange {
        std::vector<launch::UnitProperty> told, planned;  // to systemd; of its kind's plan
    };
    void tell_unit(Reply reply, const MachineEntry& machine, const Assignments& assignments, UnitChange change,
                   std::optional<KeptChange> kept);
    void note_properties(Reply reply, const machine::MachineName& name, const Assignments& assignments,
                         std::vector<launch::UnitProperty> planned);
    void answer_set(Reply reply, const machine::MachineName& name, const Assignments& assignments);
    // images (manager_images.cc)
    struct ImportKind {
        const char* job;
        const char* verb;
        const char* origin;
        std::string reference = {};  // of an OCI image in its layout
    };
    void list_images(Reply reply);
    void get_image(Reply reply, const std::string& name);
    void describe_image(Reply reply, const std::string& name);
    void check_image_name(Reply reply, const std::string& name, bool force);
    void import_image(Reply reply, const ImportKind& kind, Fd source, const std::string& name, bool force, bool read_only);
    void import_tar(Reply reply, Fd archive, const std::string& name, bool force, bool read_only);
    void import_oci(Reply reply, Fd source, const std::string& name, const std::string& reference, bool force, bool read_only);
    void import_raw(Reply reply, Fd disk, const std::string& name, bool force, bool read_only);
    void import_folder(Reply reply, Fd folder, const std::string& name, bool force, bool read_only);
    // images that are folders or files, as machinectl has them (manager_plain_images.cc)
    Result<> check_still(const ImageView& image) const;
    Result<> check_unused(const ImageView& image);
    void clone_plain(Reply reply, const ImageView& image, const std::string& new_name);
    void rename_plain(Reply reply, const ImageView& image, const std::string& new_name);
    void remove_plain(Reply reply, const ImageView& image);
    void change_plain(Reply reply, const std::string& what, const std::string& folder, const Worker::Job& job);
    // copies and names (manager_changes.cc)
    void clone(Reply reply, const std::string& name, const std::string& new_name);
    void rename(Reply reply, const std::string& name, const std::string& new_name);
    void change_files_of(Reply reply, JobKind kind, const std::string& from, const std::string& to);

    // snapshots and changes (manager_snapshots.cc)
    void snapshot(Reply reply, const std::string& name, const std::string& tag, const systemd::Options& options);
    void list_snapshots(Reply reply, const std::string& name);
    void remove_snapshot(Reply reply, const std::string& name, const std::string& tag);
    void rollback(Reply reply, const std::string& name, const std::string& tag);
    void diff(Reply reply, const std::string& name, const std::string& since);

    // all machines of a slice as one (manager_groups.cc)
    using GroupAllowed = std::move_only_function<void(Reply, const std::string& slice, std::vector<GroupMember>)>;
    void snapshot_group(Reply reply, const std::string& slice, const std::string& tag, const systemd::Options& options);
    void rollback_group(Reply reply, const std::string& slice, const std::string& tag);
    void with_group(Reply reply, const char* verb, const std::string& slice, GroupAllowed allowed);
    void authorise_all(Reply reply, const char* verb, const std::string& slice, std::vector<machine::MachineName> names, size_t next,
                       std::move_only_function<void(Reply)> allowed);
    std::vector<machine::MachineName> names_in_slice(const std::string& slice);
    Result<std::vector<GroupMember>> members_of(const std::vector<machine::MachineName>& names);

    // machines and images (manager_roots.cc)
    void commit(Reply reply, const std::string& name, const std::string& image, const systemd::Options& options);
    void compare_rebase(Reply reply, const std::string& name, const std::string& image);
    void rebase(Reply reply, const std::string& name, const std::string& image, const systemd::Options& options);
    void undo_rebase(Reply reply, const std::string& name);
    static ChangeRequest rollback_change();
    using SnapshotWork = Result<> (*)(const SnapshotRequest&);
    static ChangeRequest snapshot_change(const SnapshotRequest& request, ChangeRequest change, SnapshotWork work,
                                         SnapshotWork put_off = nullptr);
    void change_snapshots(Reply reply, const char* verb, const std::string& name, const std::string& tag, ChangeRequest change,
                          SnapshotWork work, SnapshotWork put_off = nullptr);
    void with_spec(Reply reply, Privilege privilege, const char* verb, const std::string& name,
                   std::move_only_function<void(Reply, const machine::Spec&)> allowed);
    void answer_with(Reply reply, const std::string& what, const Worker::Job& job,
                     std::move_only_function<void(Reply, kernel::Message)> done);

    // volumes (manager_volumes.cc)
    void list_volumes(Reply reply);
    void create_volume(Reply reply, const std::string& name, uint64_t size);
    void remove_volume(Reply reply, const std::string& name);
    std::vector<std::string> users_of_volume(const std::string& name);

    // images, out of the store and its upkeep (manager_store.cc)
    std::optional<machine::MachineName> machine_to_export(const std::string& text, kernel::Message& request);
    void export_image(Reply reply, const char* job, Fd target, const std::string& name, const std::string& compression, bool upper);
    void export_tar(Reply reply, const std::string& name, Fd target, const std::string& compression);
    void export_upper(Reply reply, const std::string& name, Fd target, const std::string& compression);
    void export_oci(Reply reply, const std::string& name, Fd target, const std::string& compression);
    void list_layers(Reply reply);
    void send_image(Reply reply, const std::string& name, Fd target, const std::vector<std::string>& there);
    void receive_image(Reply reply, Fd source, const std::string& name, bool force, bool read_only);
    void prune_images(Reply reply, bool dry_run);
    void disk_usage(Reply reply);
    void check_images(Reply reply, bool deep);

    // networks (manager_networks.cc)
    void list_networks(Reply reply);
    void get_network(Reply reply, const std::string& name);
    void describe_network(Reply reply, const std::string& name);
    void create_network(Reply reply, const std::string& name, std::string definition);
    void connect(Reply reply, const std::string& name, const std::string& network, bool runtime);
    void disconnect(Reply reply, const std::string& name, const std::string& network, bool runtime);
    void publish(Reply reply, const std::string& name, const std::string& port, bool runtime);
    void unpublish(Reply reply, const std::string& name, const std::string& port, bool runtime);
    void change_networks(Reply reply, const char* verb, const std::string& name, NetworkChangeRequest request);
    void settle_networks(Reply reply, const machine::MachineName& name, Error why);
    Result<> find_kept(const machine::MachineName& name, NetworkChangeRequest& request);
    Result<bool> runs_or_can_keep(const machine::MachineName& name, const NetworkChangeRequest& request);

    // inside (manager_inside.cc)
    void exec(Reply reply, const std::string& name, const systemd::Options& options, const std::vector<std::string>& command,
              const std::vector<std::string>& environment, std::vector<Fd> fds);
    void debug(Reply reply, const std::string& name, const std::string& tools, const systemd::Options& options,
               const std::vector<std::string>& command, std::vector<Fd> fds);
    void attach_machine(Reply reply, const std::string& name, uint32_t rows, uint32_t columns);
    void open_pty(Reply reply, const std::string& name);
    void open_login(Reply reply, const std::string& name);
    void open_shell(Reply reply, const std::string& name, const std::string& user, const std::string& path,
                    const std::vector<std::string>& arguments, const std::vector<std::string>& environment);
    // files inside (manager_files.cc)
    void copy_to(Reply reply, const std::string& name, const std::string& source, const std::string& destination);
    void copy_from(Reply reply, const std::string& name, const std::string& source, const std::string& destination);
    void copy_to_with_flags(Reply reply, const std::string& name, const std::string& source, const std::string& destination,
                            uint64_t flags);
    void copy_from_with_flags(Reply reply, const std::string& name, const std::string& source, const std::string& destination,
                              uint64_t flags);
    void copy_stream_to(Reply reply, const std::string& name, Fd tar, const std::string& destination, uint64_t flags);
    void copy_stream_from(Reply reply, const std::string& name, const std::string& source, Fd tar);
    void copy_between(Reply reply, const std::string& from, const std::string& source, const std::string& to,
                      const std::string& destination, uint64_t flags);
    void transfer(Reply reply, Transfer transfer);
    void bind_mount(Reply reply, const std::string& name, const std::string& source, const std::string& destination, bool read_only,
                    bool mkdir);
    void unbind_mount(Reply reply, const std::string& name, const std::string& destination);
    MountChanged mount_changed(std::list<std::unique_ptr<Worker>>::iterator place, Reply reply);
    void ask_with_session(const machine::MachineName& name, kernel::Message message, Reply reply,
                          std::move_only_function<void(Reply, Fd session)> answered);
    void open_terminal_of(const machine::MachineName& name, kernel::Message message, Reply reply);

    Host host_;
    Lifecycle& lifecycle_;
    Authority& authority_;
    Reload reload_;
    PendingCalls pending_calls_;
    Images images_;
    ImageJobs image_jobs_;
    std::list<std::unique_ptr<Worker>> workers_;
    std::list<std::unique_ptr<struct RunningTransfer>> transfers_;
    std::list<systemd::Operation> operations_;
    std::list<std::shared_ptr<struct TerminalWait>> terminals_;
    systemd::VtableBuilder<ManagerObject, Reply> builder_;
    const sd_bus_vtable* vtable_ = nullptr;
    Handle<sd_bus_slot, sd_bus_slot_unref> slot_, object_manager_;
};

}  // namespace holm::daemon
