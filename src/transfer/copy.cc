#include "transfer/copy.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <optional>

#include "base/fd.h"
#include "base/text.h"
#include "kernel/idmap.h"
#include "kernel/path.h"
#include "transfer/tar.h"
#include "transfer/tree_reader.h"

namespace holm::transfer {

namespace {

using kernel::Links;

// "'/etc/x' of machine 'web'"
std::string name_of(const End& end)
{
    return fmt::format("'{}'{}", printable(end.path), end.what.empty() ? "" : " of " + end.what);
}

Result<Fd> open_end(const End& end, const std::string& path, int flags)
{
    auto opened =
        end.kind == End::Kind::Machine ? kernel::open_in_root(end.fd, path, flags, Links::Inside) : kernel::open_source(path, flags);
    if (!opened) {
        End named = end;
        named.path = path;
        return errno_error(opened.error().sys_errno, "cannot open {}", name_of(named));
    }
    return opened;
}

Result<bool> is_folder(int file)
{
    struct stat status;
    if (::fstat(file, &status)) return sys_error("cannot look at a file");
    return S_ISDIR(status.st_mode);
}

std::string without_end(std::string path)
{
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
}

std::string last_name(const std::string& path)
{
    const std::string clean = without_end(path);
    const size_t at = clean.rfind('/');
    return at == clean.npos ? clean : clean.substr(at + 1);
}

// Where the top of what is copied will stand.
struct Target {
    std::string folder;  // absolute, exists
    std::string name;    // in it; "": entries go into the folder
};

Result<Target> find_target(const Copy& copy, bool from_folder)
{
    if (copy.from.kind == End::Kind::Tar) return Target{without_end(copy.to.path), ""};
    const std::string path = without_end(copy.to.path);
    auto there = copy.to.kind == End::Kind::Machine ? kernel::open_in_root(copy.to.fd, path, O_PATH, Links::Inside)
                                                    : kernel::open_source(path, O_PATH);
    if (there && TRY(is_folder(there->get()))) return from_folder ? Target{path, ""} : Target{path, last_name(copy.from.path)};
    if (copy.to.path.ends_with('/') && !from_folder) return errno_error(ENOTDIR, "cannot open {} as a folder", name_of(copy.to));
    const size_t at = path.rfind('/');
    return Target{at == 0 ? "/" : path.substr(0, at), path.substr(at + 1)};
}

bool is_plain_name(std::string_view name)
{
    return !name.empty() && name != "." && name != "..";
}

// The folder is opened once: what a machine puts in its place later has no part in the copy.
Result<TreeWriting> plan_writing(const Copy& copy, const Target& target, const Fd& folder)
{
    if (!target.name.empty() && !is_plain_name(target.name)) return error(Errc::Invalid, "{} is no name of a file", name_of(copy.to));
    TreeWriting writing;
    writing.name = target.name;
    writing.shown = target.folder;
    writing.owner = copy.to.what.empty() ? "" : " of " + copy.to.what;
    writing.existing = copy.existing;
    writing.looking_at = copy.looking_at;
    writing.range = copy.to.range;
    writing.folder = folder.get();
    if (copy.to.kind == End::Kind::Machine && copy.from.kind == End::Kind::Tar) {  // over a tree whose folders may be links: /lib, /bin
        writing.root = copy.to.fd;
        writing.prefix = target.folder.substr(1);
    }
    if (copy.to.kind == End::Kind::Host && copy.from.kind == End::Kind::Machine) writing.privileged = Privileged::Strip;
    return writing;
}

Result<Skipped> feed(const Copy& copy, const Fd& source, Sink& sink)
{
    if (copy.from.kind == End::Kind::Tar) return read_tar(copy.from.fd, sink, copy.looking_at);
    TRY(refuse_kernel_files(source.get(), name_of(copy.from)));
    return read_tree({.top = source.get(), .range = copy.from.range, .looking_at = copy.looking_at}, sink);
}

Result<Skipped> copy_to_tar(const Copy& copy, const Fd& source)
{
    const std::string name = last_name(copy.from.path);
    auto writer = TRY(TarWriter::open(copy.to.fd, is_plain_name(name) && name != "/" ? name : ""));
    Skipped skipped = TRY(feed(copy, source, *writer));
    TRY(writer->finish());
    return skipped;
}

Result<> refuse_own_inside(const Copy& copy, const Fd& source, const Fd& folder)
{
    if (copy.from.kind == End::Kind::Tar) return {};
    struct stat top, above;
    if (::fstat(source.get(), &top)) return sys_error("cannot look at {}", name_of(copy.from));
    Fd at = TRY(open_at(folder.get(), ".", O_PATH | O_DIRECTORY));
    for (unsigned levels = 0; levels < max_path; ++levels) {
        if (::fstat(at.get(), &above)) return sys_error("cannot look at {}", name_of(copy.to));
        if (above.st_dev == top.st_dev && above.st_ino == top.st_ino)
            return error(Errc::Invalid, "{} lies in {}, which is to be copied there", name_of(copy.to), name_of(copy.from));
        Fd next = TRY(open_at(at.get(), "..", O_PATH | O_DIRECTORY));
        struct stat parent;
        if (::fstat(next.get(), &parent)) return sys_error("cannot look at {}", name_of(copy.to));
        if (parent.st_dev == above.st_dev && parent.st_ino == above.st_ino) break;
        at = std::move(next);
    }
    return {};
}

}  // namespace

Result<Skipped> copy(const Copy& copy)
{
    Fd source;
    bool from_folder = true;
    if (copy.from.kind != End::Kind::Tar) {
        source = TRY(open_end(copy.from, copy.from.path, O_PATH));
        from_folder = TRY(is_folder(source.get()));
    }
    if (copy.to.kind == End::Kind::Tar) return copy_to_tar(copy, source);

    const Target target = TRY(find_target(copy, from_folder));
    if (copy.to.kind == End::Kind::Machine && copy.to.range.base != 0) TRY(kernel::act_on_files_as(copy.to.range.base));
    Fd folder = TRY(open_end(copy.to, target.folder, O_RDONLY | O_DIRECTORY));
    if (from_folder) TRY(refuse_own_inside(copy, source, folder));
    TreeWriter writer(TRY(plan_writing(copy, target, folder)));
    Skipped skipped = TRY(feed(copy, source, writer));
    TRY(writer.finish());
    skipped.set_id += writer.skipped().set_id;
    return skipped;
}

std::string describe_skipped(const Skipped& skipped)
{
    std::string text;
    if (skipped.special) text = fmt::format("{} devices or sockets were left out", skipped.special);
    if (skipped.set_id)
        text += fmt::format("{}{} files lost setuid, setgid or their capabilities", text.empty() ? "" : "; ", skipped.set_id);
    return text;
}

}  // namespace holm::transfer
