// import-tar, import-fs: files and folders that become images. What is opened here is read by holmd's store, with our rights to it.
#include <fcntl.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/text.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/image_job.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "image/identifiers.h"

namespace holm::cli::verbs {

namespace {

struct Import {
    const char* method;
    Fd source;
    std::string name;
};

// The second operand, or what the first suggests.
Result<std::string> name_of(const Invocation& call, const std::string& source)
{
    if (call.operands.size() > 1) return image::parse_image_name(call.operands[1]);
    if (source == "-") return error(Errc::Invalid, "what comes from standard input needs a NAME for its image");
    return image::name_of_path(source);
}

Result<int> import(const Invocation& call, Import import)
{
    const std::string failure = fmt::format("cannot import image '{}'", import.name);
    Client client = TRY(connect(call));
    ImageJob job = TRY(ImageJob::listen(client));
    const MessageHandle answer =
        TRY(client.call(import.method, import.source, import.name, call.has("--force"), call.has("--read-only")), failure);
    uint32_t id = 0;
    systemd::ObjectPath path;
    TRY(systemd::read_all_of(answer.get(), id, path));
    import.source.reset();
    TRY(job.wait(path.text, fmt::format("importing image '{}'", import.name), call), failure);
    TRY(print(import.name + "\n"));
    return exit_done;
}

// The file or folder that the first operand names. Absolute, so that the name of "." is that of the working directory.
Result<std::string> source_path(const Invocation& call)
{
    if (call.operands.empty()) return std::string(".");
    if (call.operands[0] == "-") return std::string("-");
    return absolute_path(call.operands[0], TRY(working_folder()));
}

}  // namespace

Result<int> import_tar(const Invocation& call)
{
    const std::string path = TRY(source_path(call));
    auto name = name_of(call, path);
    if (!name) return usage_error(name.error());
    Fd source = path == "-" ? TRY(duplicate(STDIN_FILENO)) : TRY(open_file(path, O_RDONLY | O_NOCTTY));
    return import(call, {.method = "ImportTar", .source = std::move(source), .name = std::move(*name)});
}

Result<int> import_fs(const Invocation& call)
{
    const std::string path = TRY(source_path(call));
    auto name = name_of(call, path);
    if (!name) return usage_error(name.error());
    Fd source = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
    return import(call, {.method = "ImportFileSystem", .source = std::move(source), .name = std::move(*name)});
}

}  // namespace holm::cli::verbs
