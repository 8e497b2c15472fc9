// export-tar, export-oci: images as files and folders. What is opened here is written by holmd's store, with our rights to it.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "base/fd.h"
#include "base/text.h"
#include "cli/checksums.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/image_job.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"

namespace holm::cli::verbs {

namespace {

constexpr std::pair<std::string_view, std::string_view> endings[] = {{".gz", "gzip"},  {".tgz", "gzip"},  {".xz", "xz"},     {".txz", "xz"},
                                                                     {".zst", "zstd"}, {".bz2", "bzip2"}, {".tbz2", "bzip2"}};

std::string format_of(const Invocation& call, const std::string& path)
{
    if (call.has("--format")) return call.value("--format");
    for (auto& [ending, format] : endings)
        if (path.ends_with(ending)) return std::string(format);
    return "uncompressed";
}

// A file that is not there, or that we began, goes again where the export fails.
struct Target {
    Fd fd;
    std::string path;  // "" = standard output
};

Result<Target> open_target(const std::string& operand)
{
    if (operand == "-") {
        if (is_terminal(STDOUT_FILENO)) return error(Errc::Invalid, "an archive is not written to a terminal");
        return Target{.fd = TRY(duplicate(STDOUT_FILENO))};
    }
    Target target;
    target.path = absolute_path(operand, TRY(working_folder()));
    target.fd = TRY(open_file(target.path, O_WRONLY | O_CREAT | O_EXCL | O_NOCTTY, 0644));
    return target;
}

Result<int> write(const Invocation& call, const char* method, const std::string& image, Target target, const std::string& format)
{
    const std::string failure = fmt::format("cannot export '{}'", printable(image));
    auto undo = [&](const Error& error) -> Error {
        if (!target.path.empty()) ::unlink(target.path.c_str());
        return with_context(error, failure);
    };
    Client client = TRY(connect(call));
    ImageJob job = TRY(ImageJob::listen(client));
    auto answer = client.call(method, image, target.fd, format);
    if (!answer) return undo(answer.error());
    uint32_t id = 0;
    systemd::ObjectPath path;
    TRY(systemd::read_all_of(answer->get(), id, path));
    if (auto done = job.wait(path.text, fmt::format("exporting '{}'", printable(image)), call); !done) return undo(done.error());
    if (target.path.empty() || job.digest(path.text).empty()) return exit_done;
    if (::fsync(target.fd.get()) && errno != EINVAL) return undo(sys_error("cannot write '{}'", target.path));
    TRY(write_checksum(target.path, job.digest(path.text)), failure);
    return exit_done;
}

}  // namespace

Result<int> export_tar(const Invocation& call)
{
    const std::string image = call.operands[0], operand = call.operands.size() > 1 ? call.operands[1] : "-";
    Target target = TRY(open_target(operand));
    return write(call, call.has("--upper-only") ? "ExportUpper" : "ExportTar", image, std::move(target), format_of(call, operand));
}

Result<int> export_oci(const Invocation& call)
{
    const std::string image = call.operands[0], operand = call.operands[1], format = call.value("--format");
    if (operand == "-" || operand.ends_with(".tar")) {
        Target target = TRY(open_target(operand));
        return write(call, "ExportOci", image, std::move(target), format);
    }
    const std::string path = absolute_path(operand, TRY(working_folder()));
    if (::mkdir(path.c_str(), 0755) && errno != EEXIST) return sys_error("cannot make '{}'", printable(path));
    Target target;
    target.fd = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
    return write(call, "ExportOci", image, std::move(target), format);
}

}  // namespace holm::cli::verbs
