// import-tar, import-raw, import-fs, import-oci, pull-oci: files and folders that become images. What is opened here is read by holmd's
// store, with our rights to it.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "base/fd.h"
#include "base/text.h"
#include "base/undo.h"
#include "cli/definition.h"
#include "cli/exit_status.h"
#include "cli/image_job.h"
#include "cli/output.h"
#include "cli/properties.h"
#include "cli/verbs/verbs.h"
#include "image/identifiers.h"
#include "network/stable_hash.h"

namespace holm::cli::verbs {

namespace {

struct Import {
    const char* method;
    Fd source;
    std::string name;
    std::vector<std::string> more = {};  // arguments behind the name
};

Result<MessageHandle> ask(Client& client, const Invocation& call, const Import& import)
{
    MessageHandle message = TRY(client.new_call(api::root_path, api::manager_interface, import.method));
    TRY(systemd::append_all(message.get(), import.source, import.name));
    for (const std::string& text : import.more) TRY(systemd::append(message.get(), text));
    TRY(systemd::append_all(message.get(), call.has("--force"), call.has("--read-only")));
    return client.send(std::move(message));
}

// The second operand, or what the first suggests.
Result<std::string> name_of(const Invocation& call, const std::string& source)
{
    if (call.operands.size() > 1) return image::parse_image_name(call.operands[1]);
    if (source == "-") return error(Errc::Invalid, "what comes from standard input needs a NAME for its image");
    return image::name_of_path(source);
}

std::string cannot_import(const std::string& name)
{
    return fmt::format("cannot import image '{}'", name);
}

// Before the name's image is fetched: what would be refused then is refused now.
Result<> check_name(const Invocation& call, const std::string& name)
{
    Client client = TRY(connect(call));
    TRY(client.call("CheckImageName", name, call.has("--force")), cannot_import(name));
    return {};
}

Result<int> import(const Invocation& call, Import import)
{
    const std::string failure = cannot_import(import.name);
    Client client = TRY(connect(call));
    ImageJob job = TRY(ImageJob::listen(client));
    const MessageHandle answer = TRY(ask(client, call, import), failure);
    uint32_t id = 0;
    systemd::ObjectPath path;
    TRY(systemd::read_all_of(answer.get(), id, path));
    import.source.reset();
    TRY(job.wait(path.text, fmt::format("importing image '{}'", import.name), call), failure);
    if (call.json != JsonStyle::Off) TRY(print(describe_json(Properties{{"image", import.name}}, call.json)));
    else TRY(print(import.name + "\n"));
    return exit_done;
}

// Where skopeo puts what it fetches, one folder for each user and reference: what was fetched before a pull failed or was cut off is not
// fetched again. Nobody else can have made it, and one pull at a time has it.
class Scratch {
public:
    static Result<Scratch> make(const std::string& reference)
    {
        Scratch scratch;
        scratch.path_ = fmt::format("/var/tmp/holm-pull-{}-{:016x}", ::geteuid(), network::stable_hash({reference}));
        if (::mkdir(scratch.path_.c_str(), 0700) && errno != EEXIST) return sys_error("cannot make '{}'", scratch.path_);
        scratch.folder_ = TRY(open_file(scratch.path_, O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
        struct stat status;
        if (::fstat(scratch.folder_.get(), &status)) return sys_error("cannot look at '{}'", scratch.path_);
        if (status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
            return error(Errc::Denied, "'{}' is somebody else's: remove it", scratch.path_);
        if (::flock(scratch.folder_.get(), LOCK_EX | LOCK_NB))
            return error(Errc::Busy, "'{}' is being pulled already: wait for the end of that", printable(reference));
        return scratch;
    }
    const std::string& path() const { return path_; }

    void remove() const
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    // Skopeo makes its folders first: without a file in them there is nothing that the next pull need not fetch.
    void remove_where_nothing_was_fetched() const
    {
        std::error_code failed;
        std::filesystem::recursive_directory_iterator at(path_, failed);
        for (; !failed && at != end(at); at.increment(failed))
            if (!is_directory(at->symlink_status(failed))) return;
        if (!failed) remove();
    }

private:
    Scratch() = default;
    std::string path_;
    Fd folder_;
};

// Its output is the user's to see, but for standard output, which has only our results.
Result<> fetch(const std::string& reference, const std::string& folder)
{
    std::vector<std::string> words = {"skopeo", "copy", "--", reference, "oci:" + folder};
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) return sys_error("cannot run skopeo");
    if (child == 0) {
        ::dup2(STDERR_FILENO, STDOUT_FILENO);
        ::execvp(argv[0], argv.data());
        ::_exit(127);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return sys_error("cannot wait for skopeo");
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return error(Errc::NotFound, "skopeo, which fetches images of registries, is not installed");
    return error(Errc::Failed, "skopeo could not fetch '{}'", printable(reference));
}

// The file or folder that the first operand names. Absolute, so that the name of "." is that of the working directory.
Result<std::string> source_path(const Invocation& call)
{
    if (call.operands.empty()) return std::string(".");
    if (call.operands[0] == "-") return std::string("-");
    return absolute_path(call.operands[0], TRY(working_folder()));
}

Result<int> import_file(const Invocation& call, const char* method)
{
    const std::string path = TRY(source_path(call));
    auto name = name_of(call, path);
    if (!name) return usage_error(name.error());
    Fd source = path == "-" ? TRY(duplicate(STDIN_FILENO)) : TRY(open_file(path, O_RDONLY | O_NOCTTY));
    return import(call, {.method = method, .source = std::move(source), .name = std::move(*name)});
}

}  // namespace

Result<int> import_tar(const Invocation& call)
{
    return import_file(call, "ImportTar");
}

Result<int> import_raw(const Invocation& call)
{
    return import_file(call, "ImportRaw");
}

Result<int> import_fs(const Invocation& call)
{
    const std::string path = TRY(source_path(call));
    auto name = name_of(call, path);
    if (!name) return usage_error(name.error());
    Fd source = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
    return import(call, {.method = "ImportFileSystem", .source = std::move(source), .name = std::move(*name)});
}

Result<int> import_oci(const Invocation& call)
{
    const std::string path = TRY(source_path(call));
    auto name = name_of(call, path);
    if (!name) return usage_error(name.error());
    Fd source = path == "-" ? TRY(duplicate(STDIN_FILENO)) : TRY(open_file(path, O_RDONLY | O_NOCTTY));
    return import(call,
                  {.method = "ImportOci", .source = std::move(source), .name = std::move(*name), .more = {call.value("--reference")}});
}

Result<int> pull_oci(const Invocation& call)
{
    const std::string& given = call.operands[0];
    const std::string reference = given.contains("://") ? given : "docker://" + given;
    auto name = image::parse_image_name(call.operands.size() > 1 ? call.operands[1] : given.substr(given.rfind('/') + 1));
    if (!name) return usage_error(name.error());
    TRY(check_name(call, *name));
    const Scratch scratch = TRY(Scratch::make(reference));
    const std::string layout = scratch.path() + "/layout";
    ::unlink((layout + "/index.json").c_str());  // of one that was cut off behind its last blob
    if (auto fetched = fetch(reference, layout); !fetched) {
        scratch.remove_where_nothing_was_fetched();
        return with_context(fetched.error(), fmt::format("cannot pull image '{}'", *name));
    }
    const Undo removal([&] { scratch.remove(); });  // whole, or damaged: then the next one fetches all of it
    Fd source = TRY(open_file(layout, O_RDONLY | O_DIRECTORY));
    return import(call, {.method = "ImportOci", .source = std::move(source), .name = std::move(*name), .more = {""}});
}

}  // namespace holm::cli::verbs
