#include "daemon/machine_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>
#include <utility>
#include <vector>

#include "api/limits.h"
#include "api/names.h"
#include "base/folder.h"
#include "base/handle.h"
#include "base/log.h"
#include "base/text.h"
#include "base/undo.h"
#include "daemon/definitions.h"
#include "daemon/identity.h"
#include "daemon/network_files.h"
#include "daemon/records.h"
#include "daemon/unfinished.h"
#include "kernel/path.h"
#include "machine/spec_file.h"
#include "rootfs/history.h"
#include "rootfs/path_lock.h"
#include "rootfs/plan.h"
#include "rootfs/remove.h"

namespace holm::daemon {

namespace {

using machine::MachineName;
using machine::Spec;
using rootfs::Copied;

constexpr const char* stack_file = "/stack.toml";
const std::string definitions = fmt::format("{}/machines", api::etc_folder);

Result<> sync_folder(const std::string& path)
{
    Fd folder = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
    return ::fsync(folder.get()) ? Result<>(sys_error("cannot sync '{}'", path)) : Result<>();
}

Result<> remove_in(const std::string& folder, const std::string& name)
{
    auto parent = open_file(folder, O_PATH | O_DIRECTORY);
    if (!parent) return parent.error().sys_errno == ENOENT ? Result<>() : Result<>(parent.error());
    return rootfs::remove_tree(parent->get(), name);
}

void remove_or_say(const std::string& folder, const std::string& name)
{
    if (auto removed = remove_in(folder, name); !removed) log_error("cannot remove '{}/{}': {}", folder, name, removed.error().text);
}

// Renames what is there; nothing there is nothing to do.
Result<> move(const std::string& from, const std::string& to)
{
    if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0 || errno == ENOENT) return {};
    return sys_error("cannot rename '{}' to '{}'", from, to);
}

constexpr const char* upper_drop_in = "95-upper.toml";

std::string describe_upper(const std::string& upper)
{
    return fmt::format("# Written by holm as the machine was given its name.\n[root]\nupper = {}\n", machine::toml_quote(upper));
}

// -- clone ------------------------------------------------------------------------------------------------------------------------

class Cloning {
public:
    explicit Cloning(const FilesRequest& request)
        : request_(request), place_(rootfs::place_upper(request.spec, api::state_path(request.from)))
    {
    }

    Result<Copied> run()
    {
        TRY(check());
        staged_ = fmt::format("{}/{}", api::state_machines_folder, request_.staged);
        TRY(make_folders(staged_, 0700));
        Undo staged([this] { remove_or_say(api::state_machines_folder, request_.staged); });
        TRY(copy_writes());
        TRY(make_definition());
        staged.keep();
        return copied_;
    }

private:
    Result<> check() const
    {
        const machine::RootSpec& root = request_.spec.root;
        if (root.path.empty() || place_.upper != rootfs::Upper::None || root.mode != machine::RootMode::Persistent) return {};
        return error(Errc::NotSupported,
                     "machine '{}' writes into its root '{}' itself, and two machines cannot: copy that folder and 'create' a machine of "
                     "the copy, or set root.upper, so that what it writes lies apart",
                     request_.from.text(), printable(root.path));
    }

    // Of the image that the upper lies on: which layers those are.
    Result<> copy_stack() const
    {
        auto stack = read_regular_file(api::state_path(request_.from) + stack_file);
        if (!stack) return stack.error().sys_errno == ENOENT ? Result<>() : Result<>(stack.error());
        return replace_file(staged_ + stack_file, *stack, 0600, Durable::No);
    }

    Result<> copy_writes()
    {
        TRY(copy_stack());
        if (place_.upper != rootfs::Upper::Directory || place_.empty_at_end || !exists(place_.path)) return {};
        auto lock = TRY(rootfs::PathLock::take(place_.path, request_.from.text()));
        TRY(copy_folder(place_.path, "/upper"));
        const std::string layers = rootfs::layers_folder(place_);
        return exists(layers) ? copy_folder(layers, place_.ours ? "/layers" : "/upper.layers") : Result<>();
    }

    Result<> copy_folder(const std::string& from, const std::string& to)
    {
        Fd source = TRY(kernel::open_source(from, O_RDONLY | O_DIRECTORY));
        TRY(make_folders(staged_ + to, 0700));
        Fd target = TRY(open_file(staged_ + to, O_RDONLY | O_DIRECTORY));
        auto progress = [&](const std::string& path, const Copied&) -> Result<> {
            if (request_.looking_at) request_.looking_at(from + path);
            return {};
        };
        const rootfs::CopyRules rules{.synced = false};
        const Copied copied = TRY(rootfs::copy_tree(source.get(), target.get(), progress, rules), fmt::format("'{}'", printable(from)));
        copied_.files += copied.files, copied_.bytes += copied.bytes, copied_.shared += copied.shared;
        return {};
    }

    // What the machine has written of its identity is not its copy's: what its layers say holds again, or a new one is drawn.
    Result<> forget_machine_id() const
    {
        Fd upper = TRY(open_file(staged_ + "/upper", O_RDONLY | O_DIRECTORY));
        auto etc = kernel::open_in_root(upper.get(), "etc", O_RDONLY | O_DIRECTORY, kernel::Links::Refuse);
        if (!etc) return {};
        struct stat status;
        if (::fstatat(etc->get(), "machine-id", &status, AT_SYMLINK_NOFOLLOW) || !S_ISREG(status.st_mode)) return {};
        return ::unlinkat(etc->get(), "machine-id", 0) ? Result<>(sys_error("cannot remove the machine-id of the copy")) : Result<>();
    }

    std::string own_upper() const { return place_.ours ? "" : api::state_path(request_.to) + "/upper"; }

    // All of it at once: each fsync(2) of a file by itself would be a turn of the disk.
    Result<> put_in_place() const
    {
        Fd staged = TRY(open_file(staged_, O_RDONLY | O_DIRECTORY));
        if (::syncfs(staged.get())) return sys_error("cannot write the copy to disk");
        TRY(move(staged_, api::state_path(request_.to)));
        return sync_folder(api::state_machines_folder);
    }

    // A record is there with the state, in one step. A definition comes after it: until then a mark has the state removed.
    Result<> make_definition()
    {
        if (exists(staged_ + "/upper")) TRY(forget_machine_id());
        if (request_.made_by == MadeBy::Record) {
            Spec spec = request_.spec;
            if (!spec.root.upper.empty()) spec.root.upper = own_upper();
            const std::string text = TRY(record_text(spec));
            TRY(replace_file(staged_ + "/record.toml", text, 0600, Durable::No));
            return put_in_place();
        }
        TRY(replace_file(staged_ + mark_file, "", 0600, Durable::No));
        Undo made([this] {
            if (auto undone = undo_clone(request_); !undone) log_error("{}", undone.error().text);
        });
        TRY(put_in_place());
        TRY(write_definition_files());
        TRY(unmark_record(request_.to));
        made.keep();
        return {};
    }

    // As it was written, where nothing in it names the machine's own folder.
    Result<std::string> record_text(const Spec& spec) const
    {
        if (!spec.root.upper.empty()) return machine::describe_spec_file(spec);
        return TRY(read_record(request_.from)).definition;
    }

    // The drop-ins first: with its file the machine is there.
    Result<> write_definition_files() const
    {
        const std::string file = definitions + "/" + request_.to.text() + ".toml", folder = file + ".d";
        const std::string own = fmt::format("/machines/{}.toml", request_.from.text()), drop_ins = own + ".d/";
        TRY(make_folders(definitions));
        std::optional<std::string> main;
        std::vector<machine::Source> sources;
        if (request_.made_by == MadeBy::Image) main = machine::describe_spec_file(request_.spec);
        else sources = TRY(kernel::read_sources(request_.from, request_.places));
        for (const machine::Source& source : sources) {
            if (source.file.ends_with(own)) main = source.text;
            if (!source.file.contains(drop_ins)) continue;
            TRY(make_folders(folder));
            TRY(replace_file(folder + source.file.substr(source.file.rfind('/')), source.text, 0600));
        }
        if (!main) return error(Errc::Failed, "machine '{}' has no definition any more", request_.from.text());
        if (!request_.spec.root.upper.empty()) {
            TRY(make_folders(folder));
            TRY(replace_file(fmt::format("{}/{}", folder, upper_drop_in), describe_upper(own_upper()), 0600));
        }
        return replace_file(file, *main, 0600);
    }

    const FilesRequest& request_;
    rootfs::UpperPlace place_;
    std::string staged_;
    Copied copied_;
};

// -- rename -----------------------------------------------------------------------------------------------------------------------

// Each step does nothing where it was done: what a death has cut off goes on from the first.
Result<> move_definition(const MachineName& from, const MachineName& to)
{
    const std::string old_file = fmt::format("{}/{}.toml", definitions, from.text()),
                      new_file = fmt::format("{}/{}.toml", definitions, to.text());
    TRY(move(old_file + ".d", new_file + ".d"));
    TRY(move(old_file, new_file));
    return exists(definitions) ? sync_folder(definitions) : Result<>();
}

// An upper in the machine's own folder that its definition or its record names by path.
Result<> rewrite_upper(const std::string& file, const MachineName& from, const MachineName& to)
{
    auto text = read_regular_file(file, api::max_definition);
    if (!text) return text.error().sys_errno == ENOENT ? Result<>() : Result<>(text.error());
    const std::string before = "\"" + api::state_path(from) + "/", after = "\"" + api::state_path(to) + "/";
    const size_t at = text->find(before);
    if (at == text->npos) return {};
    return replace_file(file, text->replace(at, before.size(), after), 0600);
}

// The links that `systemctl enable` has made.
Result<> move_enablement(const MachineName& from, const MachineName& to)
{
    const std::string top = "/etc/systemd/system";
    Handle<DIR, ::closedir> folders(::opendir(top.c_str()));
    while (const dirent* entry = folders ? ::readdir(folders.get()) : nullptr) {
        const std::string_view name = entry->d_name;
        if (!name.ends_with(".wants") && !name.ends_with(".requires")) continue;
        const std::string folder = fmt::format("{}/{}/", top, name);
        TRY(move(folder + api::service_name(from), folder + api::service_name(to)));
    }
    return {};
}

Result<> move_all(const MachineName& from, const MachineName& to)
{
    TRY(move(api::state_path(from), api::state_path(to)));
    TRY(sync_folder(api::state_machines_folder));
    {
        Fd lock = TRY(lock_networks());
        TRY(rename_leases(from, to));
    }
    TRY(move_definition(from, to));
    TRY(remove_runtime_properties(from));
    TRY(rewrite_upper(fmt::format("{}/{}.toml.d/{}", definitions, to.text(), upper_drop_in), from, to));
    TRY(rewrite_upper(api::state_path(to) + "/record.toml", from, to));
    return move_enablement(from, to);
}

Result<> end_renaming(const MachineName& name)
{
    const std::string file = api::state_path(name) + renaming_file;
    if (::unlink(file.c_str())) return sys_error("cannot remove '{}'", file);
    return sync_folder(api::state_path(name));
}

}  // namespace

Result<Copied> clone_machine(const FilesRequest& request)
{
    return Cloning(request).run();
}

Result<std::string> name_clone()
{
    return new_prefix + TRY(draw_uuid());
}

// The definition first: without it the mark in the state has that removed, should this be cut off.
Result<> undo_clone(const FilesRequest& request)
{
    const std::string& name = request.to.text();
    if (request.made_by != MadeBy::Record && is_marked(request.to))
        for (const char* ending : {".toml", ".toml.new", ".toml.d"}) TRY(remove_in(definitions, name + ending));
    TRY(move(api::state_path(request.to), fmt::format("{}/{}", api::state_machines_folder, request.staged)));
    return remove_in(api::state_machines_folder, request.staged);
}

Result<> undo_rename(const FilesRequest& request)
{
    const MachineName &from = request.from, &to = request.to;
    if (exists(api::state_path(from) + renaming_file) || exists(api::state_path(to) + renaming_file)) {
        TRY(move_all(to, from));
        return end_renaming(from);
    }
    if (exists(api::state_path(from)) || !exists(api::state_path(to))) return {};  // it had not begun
    FilesRequest back = request;
    std::swap(back.from, back.to);
    return rename_machine(back);
}

Result<> rename_machine(const FilesRequest& request)
{
    const MachineName &from = request.from, &to = request.to;
    if (request.made_by == MadeBy::Definition && !exists(fmt::format("{}/{}.toml", definitions, from.text())))
        return error(Errc::Denied, "the definition of machine '{}' is the vendor's: 'clone' makes a machine of it under another name",
                     from.text());
    const bool had_state = exists(api::state_path(from));
    TRY(make_folders(api::state_machines_folder, 0700));
    TRY(make_folders(api::state_path(from), 0700));
    Undo begun([&] {
        auto back = move_all(to, from);
        if (back) back = end_renaming(from);
        if (back && !had_state) back = remove_in(api::state_machines_folder, from.text());
        if (!back) log_error("machine '{}' cannot be given back its name: {}", from.text(), back.error().text);
    });
    TRY(replace_file(api::state_path(from) + renaming_file, fmt::format("{} {}\n", from.text(), to.text()), 0600));
    TRY(move_all(from, to));
    begun.keep();
    return end_renaming(to);
}

Result<> finish_renaming(const std::string& folder)
{
    const std::string text = TRY(read_regular_file(fmt::format("{}/{}{}", api::state_machines_folder, folder, renaming_file), 4096));
    const auto names = split(trim(text), ' ');
    if (names.size() != 2) return error(Errc::Invalid, "it does not say from what to what");
    const MachineName from = TRY(machine::parse_name(names[0])), to = TRY(machine::parse_name(names[1]));
    TRY(move_all(from, to));
    return end_renaming(to);
}

}  // namespace holm::daemon
