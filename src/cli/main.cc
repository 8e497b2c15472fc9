// holmctl: the command line of holm, a thin client of org.holm1. What is here: words → verb → exit status.
#include <unistd.h>

#include <exception>
#include <optional>

#include "base/text.h"
#include "cli/exit_status.h"
#include "cli/help.h"
#include "cli/output.h"
#include "cli/parse.h"
#include "cli/ssh.h"
#include "cli/verbs/verbs.h"

namespace holm::cli {

namespace {

Result<int> print_version()
{
    TRY(print("holm " HOLM_VERSION "\n"));
    return exit_done;
}

Result<int> dispatch(const Invocation& call)
{
    switch (call.verb->verb) {
    case Verb::List: return verbs::list(call);
    case Verb::Status: return verbs::status(call);
    case Verb::Show: return verbs::show(call);
    case Verb::Start: return verbs::start(call);
    case Verb::Continue: return verbs::go_on(call);
    case Verb::Abort: return verbs::abort(call);
    case Verb::Stop: return verbs::stop(call);
    case Verb::Restart: return verbs::restart(call);
    case Verb::Reboot: return verbs::reboot(call);
    case Verb::Terminate: return verbs::terminate(call);
    case Verb::Kill: return verbs::kill(call);
    case Verb::Wait: return verbs::wait(call);
    case Verb::Enable: return verbs::enable(call);
    case Verb::Disable: return verbs::disable(call);
    case Verb::ListImages: return verbs::list_images(call);
    case Verb::ImageStatus: return verbs::image_status(call);
    case Verb::ImportTar: return verbs::import_tar(call);
    case Verb::ImportRaw: return verbs::import_raw(call);
    case Verb::ImportFs: return verbs::import_fs(call);
    case Verb::ImportOci: return verbs::import_oci(call);
    case Verb::ExportTar: return verbs::export_tar(call);
    case Verb::ExportOci: return verbs::export_oci(call);
    case Verb::CopyImage: return verbs::copy_image(call);
    case Verb::CloneImage: return verbs::clone_image(call);
    case Verb::ReadOnly: return verbs::read_only(call);
    case Verb::Prune: return verbs::prune(call);
    case Verb::DiskUsage: return verbs::disk_usage(call);
    case Verb::CheckImages: return verbs::check_images(call);
    case Verb::PullOci: return verbs::pull_oci(call);
    case Verb::RemoveImage: return verbs::remove_image(call);
    case Verb::ListNetworks: return verbs::list_networks(call);
    case Verb::NetworkStatus: return verbs::network_status(call);
    case Verb::NetworkCreate: return verbs::network_create(call);
    case Verb::NetworkRemove: return verbs::network_remove(call);
    case Verb::Connect: return verbs::change_networks(call, "Connect", "connect");
    case Verb::Disconnect: return verbs::change_networks(call, "Disconnect", "disconnect");
    case Verb::Publish: return verbs::change_networks(call, "Publish", "publish a port of");
    case Verb::Unpublish: return verbs::change_networks(call, "Unpublish", "change the ports of");
    case Verb::Freeze: return verbs::freeze(call);
    case Verb::Thaw: return verbs::thaw(call);
    case Verb::Set: return verbs::set(call);
    case Verb::Why: return verbs::why(call);
    case Verb::Top: return verbs::top(call);
    case Verb::Metrics: return verbs::metrics(call);
    case Verb::Events: return verbs::events(call);
    case Verb::Run: return verbs::run(call);
    case Verb::Create: return verbs::create(call);
    case Verb::Edit: return verbs::edit(call);
    case Verb::Cat: return verbs::cat(call);
    case Verb::Verify: return verbs::verify(call);
    case Verb::Apply: return verbs::apply(call);
    case Verb::Plan: return verbs::plan(call);
    case Verb::Remove: return verbs::remove(call);
    case Verb::Rename: return verbs::rename(call);
    case Verb::Clone: return verbs::clone(call);
    case Verb::Diff: return verbs::diff(call);
    case Verb::Snapshot: return verbs::snapshot(call);
    case Verb::Snapshots: return verbs::snapshots(call);
    case Verb::Rollback: return verbs::rollback(call);
    case Verb::Commit: return verbs::commit(call);
    case Verb::Rebase: return verbs::rebase(call);
    case Verb::ListVolumes: return verbs::list_volumes(call);
    case Verb::VolumeCreate: return verbs::volume_create(call);
    case Verb::VolumeRemove: return verbs::volume_remove(call);
    case Verb::Exec: return verbs::exec(call);
    case Verb::Shell: return verbs::shell(call);
    case Verb::Login:
    case Verb::Attach: return verbs::attach(call);
    case Verb::Logs: return verbs::logs(call);
    case Verb::CopyTo: return verbs::copy_to(call);
    case Verb::CopyFrom: return verbs::copy_from(call);
    case Verb::Bind: return verbs::bind(call);
    case Verb::Unbind: return verbs::unbind(call);
    case Verb::ImportConfig: return verbs::import_config(call);
    case Verb::Doctor: return verbs::doctor(call);
    case Verb::Debug: return verbs::debug(call);
    case Verb::Record: return verbs::record(call);
    case Verb::Reload: return verbs::reload(call);
    case Verb::Version: return print_version();
    }
    return exit_failed;
}

// Verbs that are interactive over ssh where they are so here.
bool uses_terminal(Verb verb)
{
    return verb == Verb::Run || verb == Verb::Exec || verb == Verb::Shell || verb == Verb::Debug || verb == Verb::Record ||
           verb == Verb::Login || verb == Verb::Attach || verb == Verb::Edit;
}

// Becomes ssh, so that its exit status, which is that of the other side's holmctl, is ours.
Result<int> run_on_host(const Invocation& call)
{
    const bool terminal = uses_terminal(call.verb->verb) && is_terminal(STDIN_FILENO) && is_terminal(STDOUT_FILENO);
    std::vector<std::string> words = TRY(ssh_command(call.host, call.remote_words, terminal ? SshTerminal::Yes : SshTerminal::No));
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    ::execvp(argv[0], argv.data());
    return sys_error("cannot run ssh");
}

Result<int> perform(const Invocation& call)
{
    if (call.has("--help")) {
        TRY(print_paged(call.verb ? describe_verb(*call.verb) : describe_usage(), call));
        return exit_done;
    }
    if (call.has("--version")) return print_version();
    if (!call.host.empty()) return run_on_host(call);
    return dispatch(call);
}

int run(const std::vector<std::string>& words)
{
    auto call = parse_command_line(words);
    if (!call) {
        const bool usage = call.error().code == Errc::Invalid;
        complain(call.error().text);
        return usage ? exit_usage : exit_failed;
    }
    auto status = perform(*call);
    if (status) return *status;
    complain(status.error().text);
    return exit_status_of_error(status.error().code, call->verb ? call->verb->failure : FailureStatus::One);
}

}  // namespace

}  // namespace holm::cli

// argv[0] may be missing (execve(2)): then there are no words either.
int main(int argc, char** argv)
{
    holm::cli::open_standard_descriptors();
    try {
        const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
        return holm::cli::run(words);
    } catch (const std::exception& failure) {  // of libraries, and of memory that is not there
        holm::cli::complain(failure.what());
        return holm::cli::exit_failed;
    }
}
