// edit: the user's editor on a copy of a definition, which is checked before it takes the place of the original.
#include <sys/wait.h>
#include <unistd.h>

#include <fcntl.h>

#include <cstdlib>

#include "base/fd.h"
#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/output.h"
#include "cli/verbs/verbs.h"
#include "kernel/definition_files.h"
#include "machine/spec_file.h"

namespace holm::cli::verbs {

namespace {

// $SYSTEMD_EDITOR, $EDITOR, $VISUAL, else the first of the usual ones that there is, as systemctl edit.
std::string editor_command()
{
    for (const char* name : {"SYSTEMD_EDITOR", "EDITOR", "VISUAL"})
        if (const char* value = ::getenv(name); value && *value) return value;
    for (const char* path : {"/usr/bin/editor", "/usr/bin/nano", "/usr/bin/vim", "/usr/bin/vi"})
        if (::access(path, X_OK) == 0) return path;
    return {};
}

// The variable may hold options: the shell splits it, and the file is an argument of its own.
Result<> run_editor(const std::string& command, const std::string& path)
{
    const pid_t editor = ::fork();
    if (editor < 0) return sys_error("cannot start the editor");
    if (editor == 0) {
        ::execl("/bin/sh", "sh", "-c", (command + " \"$1\"").c_str(), "sh", path.c_str(), nullptr);
        ::_exit(127);
    }
    int status = 0;
    while (::waitpid(editor, &status, 0) < 0 && errno == EINTR) {}
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    return error(Errc::Failed, "the editor '{}' failed", printable(command));
}

struct Copy {
    std::string folder;
    std::string path;  // FOLDER/NAME.toml: the parser's messages name the machine
};

Result<Copy> make_copy(const machine::MachineName& name, const std::string& text)
{
    const char* place = ::getenv("TMPDIR");
    std::string folder = fmt::format("{}/holm-edit-XXXXXX", place && *place == '/' ? place : "/tmp");
    if (!::mkdtemp(folder.data())) return sys_error("cannot make the folder '{}'", printable(folder));
    Copy copy{folder, folder + "/" + name.text() + ".toml"};
    const Fd file = TRY(open_file(copy.path, O_WRONLY | O_CREAT | O_EXCL, 0600));
    TRY(write_all(file.get(), text), fmt::format("cannot write '{}'", copy.path));
    return copy;
}

void remove_copy(const Copy& copy)
{
    ::unlink(copy.path.c_str());
    ::rmdir(copy.folder.c_str());
}

// As holmd will judge it: with the profiles that it names.
Result<> check(const machine::MachineName& name, const machine::Source& source)
{
    kernel::Places places;
    places.default_profile = TRY(kernel::read_settings()).defaults.profile;
    const std::vector<machine::Source> sources = TRY(kernel::with_profiles({source}, places));
    const machine::Spec spec = TRY(machine::parse_spec(name, sources));
    return machine::check_supported(spec);
}

// Whether the person at the terminal wants to try again; nobody there: no.
bool wants_again()
{
    if (!is_terminal(STDIN_FILENO) || !is_terminal(STDERR_FILENO)) return false;
    static_cast<void>(write_all(STDERR_FILENO, "Edit again? [Y/n] "));
    char answer[64];
    const ssize_t size = ::read(STDIN_FILENO, answer, sizeof answer);
    return size > 0 && answer[0] != 'n' && answer[0] != 'N';
}

// The text as the user left it, checked.
Result<std::string> edit_copy(const machine::MachineName& name, const Copy& copy)
{
    const std::string editor = editor_command();
    if (editor.empty()) return error(Errc::NotFound, "there is no editor: set $EDITOR");
    for (;;) {
        TRY(run_editor(editor, copy.path));
        std::string text = TRY(read_file(copy.path, machine::toml_size_limit));
        machine::Source edited{copy.path, std::move(text)};
        auto good = check(name, edited);
        if (good) return edited.text;
        complain(good.error().text);
        if (!wants_again()) return error(Errc::Invalid, "it has an error, and the definition is left as it was");
    }
}

// Edits the copy and hands it to holmd. False: nothing was changed.
Result<bool> edit_and_write(const Invocation& call, const machine::MachineName& name, const Copy& copy, const std::string& before)
{
    const std::string after = TRY(edit_copy(name, copy));
    if (after == before) return false;
    Client client = TRY(connect(call));  // anew: an editor may be open for days
    TRY(client.call("WriteDefinition", name.text(), after));
    return true;
}

// Whether the copy holds work that is nowhere else.
bool holds_work(const Copy& copy, const std::string& before)
{
    const auto text = read_file(copy.path, machine::toml_size_limit);
    return text ? *text != before : text.error().code != Errc::NotFound;
}

}  // namespace

Result<int> edit(const Invocation& call)
{
    const machine::MachineName name = TRY(machine::parse_name(call.operands[0]));
    const std::string what = cannot("edit", name.text());
    std::string before, origin;
    {
        Client client = TRY(connect(call));
        const MessageHandle answer = TRY(client.call("ReadDefinition", name.text()), what);
        TRY(systemd::read_all_of(answer.get(), before, origin), what);
    }
    if (!origin.ends_with(fmt::format("/machines/{}.toml", name.text())))
        return error(Errc::Invalid, "{}: it was made by 'run', and has a record, no definition", what);
    const Copy copy = TRY(make_copy(name, before), what);
    const auto changed = edit_and_write(call, name, copy, before);
    if (!changed && holds_work(copy, before))
        return with_context({changed.error().code, 0, fmt::format("{}; your text is kept in '{}'", changed.error().text, copy.path)}, what);
    remove_copy(copy);
    if (!changed) return with_context(changed.error(), what);
    if (!*changed) tell("No changes.", call);
    return exit_done;
}

}  // namespace holm::cli::verbs
