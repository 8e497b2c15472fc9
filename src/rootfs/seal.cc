#include "rootfs/seal.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>

#include "base/folder.h"
#include "base/text.h"
#include "base/undo.h"
#include "kernel/attributes.h"
#include "kernel/path.h"
#include "rootfs/descent.h"
#include "rootfs/remove.h"

namespace holm::rootfs {

namespace {

constexpr size_t max_history = 1 << 20;
constexpr const char* aside_prefix = ".gone-";  // of a layer that is to be removed
constexpr const char* new_prefix = ".new-";     // of one that is not whole yet

std::string layer_path(const UpperPlace& place, const std::string& id)
{
    return layers_folder(place) + "/" + id;
}

Result<Fd> open_folder(const std::string& path)
{
    return kernel::open_source(path, O_RDONLY | O_DIRECTORY);
}

Result<> sync_above(const std::string& path)
{
    Fd folder = TRY(open_folder(path.substr(0, std::max<size_t>(path.rfind('/'), 1))));
    return ::fsync(folder.get()) ? Result<>(sys_error("cannot sync the folder of '{}'", printable(path))) : Result<>();
}

// The root of the machine looks like the top of its topmost layer.
Result<> dress_as(const std::string& path, const std::string& model)
{
    Fd folder = TRY(open_folder(path)), like = TRY(open_folder(model));
    struct stat status;
    if (::fstat(like.get(), &status)) return sys_error("cannot look at '{}'", printable(model));
    if (::fchown(folder.get(), status.st_uid, status.st_gid) || ::fchmod(folder.get(), status.st_mode & 07777))
        return sys_error("cannot set the owner of '{}'", printable(path));
    for (auto& [attribute, value] : TRY(kernel::read_attributes(like.get(), "")))
        if (!attribute.starts_with("trusted.overlay.")) TRY(kernel::write_attribute(folder.get(), "", attribute, value));
    return {};
}

Result<> make_upper(const UpperPlace& place, const History& history)
{
    if (::mkdir(place.path.c_str(), 0755) && errno != EEXIST) return sys_error("cannot make the upper '{}'", printable(place.path));
    if (!history.layers.empty()) TRY(dress_as(place.path, layer_path(place, history.layers.front())));
    return sync_above(place.path);
}

// From the moment that the history says so to the empty upper; each step does nothing where it was done.
Result<> finish_sealing(const UpperPlace& place, History& history)
{
    const std::string layer = layer_path(place, history.sealing);
    if (!exists(layer) && ::rename(place.path.c_str(), layer.c_str()))
        return sys_error("cannot seal the upper '{}' as '{}'", printable(place.path), printable(layer));
    TRY(sync_above(layer));
    TRY(make_upper(place, history));
    history.sealing.clear();
    return write_history(place, history);
}

}  // namespace

Result<History> read_history(const UpperPlace& place)
{
    const std::string path = layers_folder(place) + "/" + history_file;
    if (layers_folder(place).empty()) return History{};
    auto text = read_regular_file(path, max_history);
    if (!text && text.error().code == Errc::NotFound) return History{};
    if (!text) return text.error();
    return parse_history(*text, path);
}

Result<History> settle_history(const UpperPlace& place)
{
    History history = TRY(read_history(place));
    if (!history.sealing.empty()) TRY(finish_sealing(place, history));
    return history;
}

Result<> write_history(const UpperPlace& place, const History& history)
{
    TRY(make_folders(layers_folder(place), 0700));
    return replace_file(layers_folder(place) + "/" + history_file, describe_history(history), 0600);
}

std::vector<std::string> layer_paths(const UpperPlace& place, const History& history)
{
    std::vector<std::string> paths;
    for (const std::string& id : history.layers) paths.push_back(layer_path(place, id));
    return paths;
}

Result<bool> has_writes(const UpperPlace& place)
{
    auto upper = open_folder(place.path);
    if (!upper) return upper.error().sys_errno == ENOENT ? Result<bool>(false) : Result<bool>(upper.error());
    return !TRY(list_names(upper->get())).empty();
}

Result<> seal_upper(const UpperPlace& place, const History& planned)
{
    TRY(write_history(place, planned));
    History history = planned;
    return history.sealing.empty() ? Result<>() : finish_sealing(place, history);
}

Result<> sync_upper(const UpperPlace& place)
{
    Fd upper = TRY(open_folder(place.path));
    return ::syncfs(upper.get()) ? Result<>(sys_error("cannot sync the upper '{}'", printable(place.path))) : Result<>();
}

Result<Copied> copy_upper(const UpperPlace& place, const std::string& id, const CopyProgress& progress, Durable durable)
{
    const std::string name = new_prefix + id, path = layer_path(place, name);
    TRY(make_folders(path, 0700));
    Fd layers = TRY(open_folder(layers_folder(place)));
    Undo made([&] { std::ignore = remove_tree(layers.get(), name); });
    Fd from = TRY(open_folder(place.path)), to = TRY(open_folder(path));
    TRY(sync_upper(place));
    const CopyRules rules{.synced = durable == Durable::Yes};
    Copied copied = TRY(copy_tree(from.get(), to.get(), progress, rules), fmt::format("upper '{}'", printable(place.path)));
    if (::rename(path.c_str(), layer_path(place, id).c_str())) return sys_error("cannot rename '{}'", printable(path));
    made.keep();
    if (durable == Durable::Yes) TRY(sync_above(path));
    return copied;
}

Result<> set_unused_aside(const UpperPlace& place, const History& history)
{
    auto folder = open_folder(layers_folder(place));
    if (!folder) return folder.error().sys_errno == ENOENT ? Result<>() : Result<>(folder.error());
    const auto names = TRY(list_names(folder->get()));
    auto unused = unused_layers(history, names);
    std::ranges::copy_if(names, std::back_inserter(unused), [](const std::string& name) { return name.starts_with(new_prefix); });
    for (const std::string& id : unused)
        if (::renameat(folder->get(), id.c_str(), folder->get(), (aside_prefix + id).c_str()))
            return sys_error("cannot set the layer '{}' aside", layer_path(place, id));
    return {};
}

Result<> remove_set_aside(const std::string& layers)
{
    auto folder = open_folder(layers);
    if (!folder) return folder.error().sys_errno == ENOENT ? Result<>() : Result<>(folder.error());
    for (const std::string& name : TRY(list_names(folder->get())))
        if (name.starts_with(aside_prefix)) TRY(remove_tree(folder->get(), name));
    return {};
}

std::vector<std::string> list_unfinished_layers(const std::string& layers)
{
    auto folder = open_folder(layers);
    auto names = folder ? list_names(folder->get()) : Result<std::vector<std::string>>(folder.error());
    if (!names) return {};
    std::erase_if(*names, [](const std::string& name) { return !name.starts_with(aside_prefix) && !name.starts_with(new_prefix); });
    return std::move(*names);
}

Result<std::string> draw_layer_id()
{
    std::array<unsigned char, 16> bytes;
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) return sys_error("cannot draw random bytes");
    std::string text;
    for (unsigned char byte : bytes) text += fmt::format("{:02x}", byte);
    return text;
}

}  // namespace holm::rootfs
