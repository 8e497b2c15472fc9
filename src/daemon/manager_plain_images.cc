// ManagerObject: images that are folders or disk images in holm's or machinectl's places, not of the store: copies, names, removal. With
// each goes its .nspawn file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/folder.h"
#include "base/text.h"
#include "daemon/dependants.h"
#include "daemon/image_root.h"
#include "daemon/manager_object.h"
#include "image/stack.h"
#include "machine/identifiers.h"
#include "rootfs/beside.h"
#include "rootfs/observe.h"

namespace holm::daemon {

namespace {

constexpr std::chrono::seconds plain_deadline = std::chrono::hours(24);  // a large tree takes its time

// Where an image is, and what it is called there.
struct Plain {
    std::string folder, file, name, ending;
};

Plain plain_of(const ImageView& image)
{
    const size_t slash = image.path.rfind('/');
    return {.folder = image.path.substr(0, slash),
            .file = image.path.substr(slash + 1),
            .name = image.name,
            .ending = image.path.substr(slash + 1 + image.name.size())};
}

Result<> copy_plain(const Plain& image, const std::string& to)
{
    Fd folder = TRY(open_file(image.folder, O_PATH | O_DIRECTORY));
    return rootfs::copy_beside(folder.get(), image.file, to);
}

Result<> move_plain(const Plain& image, const std::string& to)
{
    Fd folder = TRY(open_file(image.folder, O_PATH | O_DIRECTORY));
    if (::renameat2(folder.get(), image.file.c_str(), folder.get(), (to + image.ending).c_str(), RENAME_NOREPLACE))
        return sys_error("cannot rename '{}'", image.name);
    const std::string settings = image.name + ".nspawn";
    if (::renameat2(folder.get(), settings.c_str(), folder.get(), (to + ".nspawn").c_str(), RENAME_NOREPLACE) && errno != ENOENT)
        return sys_error("image '{}' is renamed, but not its settings '{}/{}'", image.name, image.folder, settings);
    return {};
}

Result<> delete_plain(const Plain& image)
{
    Fd folder = TRY(open_file(image.folder, O_PATH | O_DIRECTORY));
    TRY(rootfs::remove_beside(folder.get(), image.file));
    if (::unlinkat(folder.get(), (image.name + ".nspawn").c_str(), 0) && errno != ENOENT) return sys_error("cannot remove its settings");
    return {};
}

Worker::Job as_job(std::function<Result<>()> act)
{
    return [act = std::move(act)](const Worker::LookingAt&) -> Result<kernel::Message> {
        TRY(act());
        return kernel::Message("ok");
    };
}

Result<> check_new_name(const std::string& name)
{
    TRY(machine::parse_file_name(name));
    if (const std::string path = image::Store().name(name); exists(path))
        return error(Errc::Exists, "image '{}' exists already: '{}'", name, path);
    return rootfs::check_no_image(name, image_places());
}

}  // namespace

// Nothing writes to what is to be copied.
Result<> ManagerObject::check_still(const ImageView& image) const
{
    for (const MachineEntry* machine : lifecycle_.all()) {
        if (!is_active(machine->life) || !machine->plan) continue;
        if (std::ranges::find(machine->plan->rootfs.lower, image.path) != machine->plan->rootfs.lower.end())
            return error(Errc::Busy, "machine '{0}' runs on image '{1}': 'holmctl stop {0}' first", machine->name.text(), image.name);
    }
    return {};
}

// No machine would miss it. What the store has of the same name comes before it, and is then another's.
Result<> ManagerObject::check_unused(const ImageView& image)
{
    std::vector<std::string> found, names = {image.name};
    for (const MachineEntry* machine : lifecycle_.all())
        if (is_active(machine->life) && machine->plan && uses(machine->plan->rootfs, image.path))
            found.push_back(fmt::format("machine '{}' runs on it", machine->name.text()));
    if (std::string file = plain_of(image).file; file != image.name && !image::Store().find(file)) names.push_back(std::move(file));
    for (const machine::MachineName& name : host_.catalogue.names()) {
        const Known* known = host_.catalogue.find(name);
        if (known && known->origin == Origin::Image && std::ranges::find(names, name.text()) != names.end()) {
            found.push_back(image::describe_started_by_name(name.text()));
            continue;
        }
        if (!known || !known->spec || !names_plain(*known->spec, names, image.path)) continue;
        const char* what = known->path.empty() ? ".nspawn file" : known->origin == Origin::Definition ? "definition" : "record";
        found.push_back(fmt::format("the {} of machine '{}' names it", what, name.text()));
    }
    if (found.empty()) return {};
    return error(Errc::Busy, "image '{}' is in use: {}", image.name, fmt::join(found, "; "));
}

// `folder`: what no machine may start on meanwhile; "" = it stays as it is.
void ManagerObject::change_plain(Reply reply, const std::string& what, const std::string& folder, const Worker::Job& job)
{
    if (!folder.empty()) lifecycle_.hold_root(folder);
    auto place = workers_.emplace(workers_.end());
    *place = Worker::start(host_.loop, what, plain_deadline, job,
                           [this, place, folder, reply = std::move(reply)](const Result<kernel::Message>& done) mutable {
                               auto ended = std::move(*place);
                               workers_.erase(place);
                               lifecycle_.let_go_of_root(folder);
                               if (done) reply.ok();
                               else reply.fail(done.error());
                           });
}

void ManagerObject::clone_plain(Reply reply, const ImageView& image, const std::string& new_name)
{
    if (image.type != "directory")
        return reply.fail(
            error(Errc::NotSupported, "image '{}' is '{}': copy that file, as with 'cp --reflink=auto'", image.name, image.path));
    if (auto still = check_still(image); !still) return reply.fail(still.error());
    if (auto free = check_new_name(new_name); !free) return reply.fail(free.error());
    change_plain(std::move(reply), fmt::format("copying image '{}'", image.name), "",
                 as_job([plain = plain_of(image), new_name] { return copy_plain(plain, new_name); }));
}

void ManagerObject::rename_plain(Reply reply, const ImageView& image, const std::string& new_name)
{
    if (auto unused = check_unused(image); !unused) return reply.fail(unused.error());
    if (auto free = check_new_name(new_name); !free) return reply.fail(free.error());
    change_plain(std::move(reply), fmt::format("renaming image '{}'", image.name), image.path,
                 as_job([plain = plain_of(image), new_name] { return move_plain(plain, new_name); }));
}

void ManagerObject::remove_plain(Reply reply, const ImageView& image)
{
    if (auto unused = check_unused(image); !unused) return reply.fail(unused.error());
    if (image.read_only) return reply.fail(error(Errc::Denied, "image '{}' is read-only: 'chmod u+w {}' first", image.name, image.path));
    change_plain(std::move(reply), fmt::format("removing image '{}'", image.name), image.path,
                 as_job([plain = plain_of(image)] { return delete_plain(plain); }));
}

}  // namespace holm::daemon
