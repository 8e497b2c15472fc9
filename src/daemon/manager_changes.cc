// ManagerObject: machines that are given another name or copied.
#include "daemon/machine_files.h"
#include "daemon/manager_object.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

MadeBy made_by(Origin origin)
{
    if (origin == Origin::Image) return MadeBy::Image;
    return origin == Origin::Definition ? MadeBy::Definition : MadeBy::Record;
}

}  // namespace

// What is asked of the files of a machine that there is, for the child that does it.
void ManagerObject::change_files_of(Reply reply, JobKind kind, const std::string& from, const std::string& to)
{
    auto result = machine::parse_name(to);
    if (!result) return reply.fail(result.error());
    const char* verb = kind == JobKind::Rename ? "rename" : "clone";
    authorise(std::move(reply), Privilege::Manage, verb, from, [this, kind, to = *result](Reply granted, const MachineName& name) {
        const Known* known = host_.catalogue.find(name);
        if (!known) return granted.fail(lifecycle_.unknown(name));
        if (!known->spec) return granted.fail(known->spec.error());
        const bool rename = kind == JobKind::Rename;
        if (rename && known->origin == Origin::Image) return granted.fail(no_definition(name));
        FilesRequest files{.from = name, .to = to, .spec = *known->spec, .places = host_.catalogue.places()};
        files.made_by = made_by(known->origin);
        auto staged = name_clone();
        if (!staged) return granted.fail(staged.error());
        files.staged = std::move(*staged);
        ChangeRequest change{.kind = kind, .result = to};
        change.reloads = is_service(known->origin);
        change.doing = fmt::format("being {} '{}'", rename ? "renamed to" : "cloned as", to.text());
        change.what = fmt::format("{} machine '{}' {} '{}'", rename ? "renaming" : "cloning", name.text(), rename ? "to" : "as", to.text());
        change.undo = [files, rename](const Worker::LookingAt&) -> Result<kernel::Message> {
            TRY(rename ? undo_rename(files) : undo_clone(files));
            return kernel::Message("ok");
        };
        change.work = [files, rename](const Worker::LookingAt& looking_at) -> Result<kernel::Message> {
            FilesRequest request = files;
            request.looking_at = looking_at;
            if (rename) TRY(rename_machine(request));
            else TRY(clone_machine(request));
            return kernel::Message("ok");
        };
        lifecycle_.change(name, std::move(change), std::move(granted));
    });
}

void ManagerObject::clone(Reply reply, const std::string& name, const std::string& new_name)
{
    change_files_of(std::move(reply), JobKind::Clone, name, new_name);
}

void ManagerObject::rename(Reply reply, const std::string& name, const std::string& new_name)
{
    change_files_of(std::move(reply), JobKind::Rename, name, new_name);
}

}  // namespace holm::daemon
