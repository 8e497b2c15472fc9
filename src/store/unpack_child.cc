#include "store/unpack_child.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "image/confine.h"
#include "image/later.h"
#include "store/confined_child.h"

namespace holm::store {

namespace {

struct Work {
    int archive, later, names;
    image::Whiteouts whiteouts;
    Limits limits;
};

// In the child, confined.
Result<kernel::Message> unpack(const Work& work, const Told& progress)
{
    Fd root = TRY(open_file("/", O_RDONLY | O_DIRECTORY));
    const image::UnpackInput input{.archive = work.archive,
                                   .root = root.get(),
                                   .later = work.later,
                                   .whiteouts = work.whiteouts,
                                   .most_bytes = work.limits.bytes,
                                   .most_entries = work.limits.entries,
                                   .progress = progress,
                                   .names = work.names,
                                   .opened = image::bound_memory};
    const image::Unpacked unpacked = TRY(image::unpack_tar(input));
    TRY(image::set_folder_times(root.get(), work.later));
    kernel::Message done("ok");
    done.add("size", static_cast<int64_t>(unpacked.size)).add("entries", static_cast<int64_t>(unpacked.entries));
    done.add("devices", static_cast<int64_t>(unpacked.devices)).add("attributes", static_cast<int64_t>(unpacked.attributes));
    done.add("compression", unpacked.compression).add("input", unpacked.input_digest).add("tar", unpacked.tar_digest);
    return done;
}

image::Unpacked unpacked_of(const kernel::Message& message)
{
    auto number = [&](const char* key) { return static_cast<uint64_t>(message.get_number(key).value_or(0)); };
    return {.size = number("size"),
            .entries = number("entries"),
            .devices = number("devices"),
            .attributes = number("attributes"),
            .compression = std::string(message.get("compression")),
            .input_digest = std::string(message.get("input")),
            .tar_digest = std::string(message.get("tar"))};
}

}  // namespace

Result<image::Unpacked> unpack_confined(const Job& job, const Incoming& incoming, int archive, image::Whiteouts whiteouts, int names)
{
    struct stat status;
    if (::fstat(archive, &status)) return sys_error("cannot look at the archive");
    if (!S_ISREG(status.st_mode) && !S_ISFIFO(status.st_mode) && !S_ISSOCK(status.st_mode))
        return error(Errc::Invalid, "the archive is neither a file nor a pipe");
    Fd later = TRY(incoming.make_file());
    const Limits limits = TRY(observe_limits(incoming.tree()));
    const Work work{.archive = archive, .later = later.get(), .names = names, .whiteouts = whiteouts, .limits = limits};
    const uint64_t total = S_ISREG(status.st_mode) ? static_cast<uint64_t>(status.st_size) : 0;
    const kernel::Message done = TRY(
        work_confined(job, incoming, {archive, later.get(), names}, total, [&](const Told& progress) { return unpack(work, progress); }));
    TRY(image::mark_opaque(incoming.tree(), later.get()));
    return unpacked_of(done);
}

}  // namespace holm::store
