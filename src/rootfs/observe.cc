#include "rootfs/observe.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/text.h"
#include "kernel/mount.h"
#include "kernel/path.h"
#include "rootfs/disk.h"
#include "rootfs/file_status.h"
#include "rootfs/id_map_probe.h"
#include "rootfs/observe_folder.h"
#include "rootfs/plan.h"
#include "rootfs/stack_lookup.h"

namespace holm::rootfs {

namespace {

using machine::Spec;

// Gathers the facts of one spec.
class Observation {
public:
    Observation(const Spec& spec, const ObserveInput& input) : spec_(spec), input_(input), probe_(input.probe_namespace) {}
    Result<Facts> run();

private:
    void looking_at(const std::string& path) const
    {
        if (input_.looking_at) input_.looking_at(path);
    }
    IdMapProbe* probe() { return input_.shifts_ids ? &probe_ : nullptr; }
    Result<> observe_layers();
    Result<> observe_layer(const std::string& path);
    Result<> observe_upper(const UpperPlace& place);
    Result<> observe_sources();
    Result<> observe_own_folders();
    Result<> observe_inside();
    Result<Found> find_init();
    Result<Found> find_command();
    bool is_covered(std::string_view path) const;

    const Spec& spec_;
    const ObserveInput& input_;
    IdMapProbe probe_;
    Stack stack_;  // of what is inside: the upper, where it is kept, over the layers
    Facts facts_;
};

Result<> Observation::observe_layers()
{
    for (const std::string& path : input_.own_layers) {
        looking_at(path);
        const std::string context = fmt::format("a layer of the snapshots of machine '{}'", spec_.name.text());
        Fd folder = TRY(open_folder(path), context);
        facts_.layers.push_back(TRY(describe_folder(folder.get(), path, probe()), context));
        stack_.push_back(std::move(folder));
    }
    const machine::RootSpec& root = spec_.root;
    facts_.sealed = input_.sealed;
    std::vector<std::string> paths = root.lower;
    if (!root.path.empty()) paths = {root.path};
    if (!root.image.empty()) paths = input_.image_layers;
    for (size_t i = 0; i < paths.size(); ++i) {
        looking_at(paths[i]);
        std::string key = !root.path.empty() ? "root.path" : !root.image.empty() ? "root.image" : fmt::format("root.lower[{}]", i);
        std::string what = paths.size() == 1 && root.lower.empty() ? "root" : fmt::format("layer {}", i + 1);
        std::string context = fmt::format("{} of machine '{}'{}", what, spec_.name.text(), describe_origin(spec_, key));
        TRY(observe_layer(paths[i]), context);
    }
    return {};
}

Result<> Observation::observe_layer(const std::string& path)
{
    Fd folder;
    if (const Disk* disk = find_disk(input_.disks, path)) {
        folder = TRY(open_disk(*disk));
        facts_.layers.push_back(TRY(describe_disk(folder.get(), path, probe())));
    } else {
        folder = TRY(open_folder(path));
        facts_.layers.push_back(TRY(describe_folder(folder.get(), path, probe())));
    }
    stack_.push_back(std::move(folder));
    return {};
}

Result<> Observation::observe_upper(const UpperPlace& place)
{
    looking_at(place.path);
    const std::string context = fmt::format("upper of machine '{}'{}", spec_.name.text(), describe_origin(spec_, "root.upper"));
    facts_.upper = TRY(observe_upper_folders(place, probe()), context);
    if (facts_.upper->folder && !place.empty_at_end) stack_.insert(stack_.begin(), TRY(open_folder(place.path), context));
    return {};
}

Result<> Observation::observe_sources()
{
    for (size_t i = 0; i < spec_.mounts.size(); ++i) {
        const machine::MountSpec& mount = spec_.mounts[i];
        looking_at(mount.source);
        const std::string key = fmt::format("mount[{}]", i);
        facts_.sources.push_back(
            TRY(observe_source(mount, input_.disks, probe()), fmt::format("source of {}{}", key, describe_origin(spec_, key + ".source"))));
    }
    return {};
}

// A layer that is a folder of the host's own, or one above them, shows holm's state to the machine: find where.
Result<> Observation::observe_own_folders()
{
    for (const std::string& own : input_.own_folders) {
        Result<Fd> folder = kernel::open_source(own, O_PATH | O_DIRECTORY);
        if (!folder) continue;
        std::vector<FileId> parents = TRY(observe_parents(folder->get()));
        std::vector<std::string_view> names = split(own, '/');
        for (size_t up = 0; up < parents.size() && up < names.size(); ++up) {
            if (std::ranges::find(facts_.layers, parents[up], &Folder::id) == facts_.layers.end()) continue;
            facts_.seen.push_back(fmt::format("/{}", fmt::join(std::span(names).last(up + 1), "/")));
        }
    }
    return {};
}

// What a mount of the machine lies over is not what its root has there.
bool Observation::is_covered(std::string_view path) const
{
    auto below = [&](std::string_view top) { return path.starts_with(top) && (path.size() == top.size() || path[top.size()] == '/'); };
    constexpr std::string_view own[] = {"/dev", "/proc", "/run", "/sys", "/tmp"};
    return std::ranges::any_of(own, below) ||
           std::ranges::any_of(spec_.mounts, [&](const machine::MountSpec& mount) { return below(mount.target); });
}

Result<Found> Observation::find_init()
{
    Found first;
    for (const char* path : init_paths) {
        Found found = TRY(find_in_stack(stack_, path));
        if (found.kind == Found::Kind::File && found.executable) return found;
        if (found.kind != Found::Kind::Missing && first.kind == Found::Kind::Missing) first = std::move(found);
    }
    return first;
}

// As execvpe(3): the first that can be executed; else the first that is there.
Result<Found> Observation::find_command()
{
    const std::string& name = spec_.payload.command.front();
    std::vector<std::string> candidates;
    if (name.starts_with('/')) candidates = {name};
    else if (name.contains('/')) candidates = {spec_.payload.working_directory + "/" + name};
    else
        for (std::string_view folder : split(input_.search_path, ':'))
            if (folder.starts_with('/')) candidates.push_back(fmt::format("{}/{}", folder, name));
    Found first{.asked = name};
    for (const std::string& path : candidates) {
        Found found = TRY(find_in_stack(stack_, path));
        bool missing = found.kind == Found::Kind::Missing;
        if (is_covered(missing ? path : found.path)) return Found{.kind = Found::Kind::Covered, .asked = name};
        if (found.kind == Found::Kind::File && found.executable) return found;
        if (!missing && first.kind == Found::Kind::Missing) first = std::move(found);
    }
    return first;
}

Result<> Observation::observe_inside()
{
    if (machine::boots(spec_.payload)) {
        facts_.init = TRY(find_init());
        facts_.has_inittab = TRY(find_in_stack(stack_, "/etc/inittab")).kind == Found::Kind::File;
    } else if (!spec_.payload.command.empty()) {
        facts_.command = TRY(find_command());
    }
    facts_.localtime = TRY(read_link_in_stack(stack_, "/etc/localtime"));
    facts_.resolv_conf_is_link = !TRY(read_link_in_stack(stack_, "/etc/resolv.conf")).empty();
    if (!input_.zone.empty()) facts_.has_zone = TRY(find_in_stack(stack_, "/usr/share/zoneinfo/" + input_.zone)).kind == Found::Kind::File;
    return {};
}

Result<Facts> Observation::run()
{
    facts_.disks = input_.disks;
    Fd host = TRY(open_file("/", O_PATH | O_DIRECTORY));
    facts_.host_root = TRY(observe_status(host.get())).id;
    TRY(observe_layers());
    UpperPlace place = place_upper(spec_, input_.state);
    if (place.upper == Upper::Directory) TRY(observe_upper(place));
    TRY(observe_sources());
    TRY(observe_own_folders());
    TRY(observe_inside(), fmt::format("root of machine '{}'", spec_.name.text()));
    return std::move(facts_);
}

}  // namespace

Result<Facts> observe(const Spec& spec, const ObserveInput& input)
{
    return Observation(spec, input).run();
}

Result<std::string> find_image(const std::string& name, const std::vector<std::string>& places)
{
    for (const std::string& place : places) {
        std::string path = fmt::format("{}/{}", place, name);
        struct stat status;
        if (stat(path.c_str(), &status) == 0) return path;
        for (std::string_view ending : image_endings)
            if (stat((path + std::string(ending)).c_str(), &status) == 0) return path + std::string(ending);
    }
    return error(Errc::NotFound, "there is no image '{}' in {}: 'holmctl list-images' shows those that there are", printable(name),
                 fmt::join(places, ", "));
}

Result<> check_no_image(std::string_view name, const std::vector<std::string>& places)
{
    constexpr int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC;
    std::vector<std::string_view> endings = {""};
    endings.insert(endings.end(), std::begin(image_endings), std::end(image_endings));
    for (const std::string& place : places)
        for (std::string_view ending : endings) {
            const std::string path = fmt::format("{}/{}{}", place, name, ending);
            struct statx status;
            if (::statx(AT_FDCWD, path.c_str(), flags, STATX_TYPE, &status)) continue;
            return error(Errc::Exists,
                         "image '{0}' exists already: '{1}', which no other image replaces: take another name, or 'holmctl "
                         "remove-image {0}' first",
                         name, path);
        }
    return {};
}

}  // namespace holm::rootfs
