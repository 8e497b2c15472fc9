// The verbs of holmctl: one function each, which gives the exit status or the error of the whole. Effects.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/client.h"
#include "cli/firewall.h"
#include "cli/parse.h"

namespace holm::cli::verbs {

Result<int> list(const Invocation& call);
Result<int> list_images(const Invocation& call);
Result<int> image_status(const Invocation& call);
Result<int> import_tar(const Invocation& call);
Result<int> import_raw(const Invocation& call);
Result<int> import_fs(const Invocation& call);
Result<int> import_oci(const Invocation& call);
Result<int> export_tar(const Invocation& call);
Result<int> export_oci(const Invocation& call);
Result<int> copy_image(const Invocation& call);
Result<int> clone_image(const Invocation& call);
Result<int> read_only(const Invocation& call);
Result<int> prune(const Invocation& call);
Result<int> disk_usage(const Invocation& call);
Result<int> check_images(const Invocation& call);
Result<int> pull_oci(const Invocation& call);
Result<int> remove_image(const Invocation& call);
Result<int> list_networks(const Invocation& call);
Result<int> network_status(const Invocation& call);
// What of the host's traffic is machines', for who looks at its firewall: nothing where holmd does not answer.
OwnTraffic own_traffic(const Invocation& call);
Result<int> network_create(const Invocation& call);
Result<int> network_remove(const Invocation& call);
Result<int> change_networks(const Invocation& call, const char* method, std::string_view what);  // connect, publish and their opposites
Result<int> status(const Invocation& call);
Result<int> show(const Invocation& call);
Result<int> wait(const Invocation& call);

Result<int> start(const Invocation& call);
Result<int> go_on(const Invocation& call);
Result<int> abort(const Invocation& call);
Result<int> stop(const Invocation& call);
Result<int> restart(const Invocation& call);
Result<int> enable(const Invocation& call);
Result<int> disable(const Invocation& call);
Result<int> reboot(const Invocation& call);
Result<int> terminate(const Invocation& call);
Result<int> kill(const Invocation& call);
Result<int> freeze(const Invocation& call);
Result<int> thaw(const Invocation& call);
Result<int> set(const Invocation& call);
Result<int> why(const Invocation& call);
Result<int> top(const Invocation& call);
Result<int> metrics(const Invocation& call);
Result<int> events(const Invocation& call);

Result<int> run(const Invocation& call);
Result<int> exec(const Invocation& call);
Result<int> shell(const Invocation& call);
Result<int> debug(const Invocation& call);
Result<int> record(const Invocation& call);
Result<int> attach(const Invocation& call);  // and login
Result<int> logs(const Invocation& call);

Result<int> copy_to(const Invocation& call);
Result<int> copy_from(const Invocation& call);
Result<int> bind(const Invocation& call);
Result<int> unbind(const Invocation& call);

Result<int> create(const Invocation& call);
Result<int> edit(const Invocation& call);
Result<int> cat(const Invocation& call);
Result<int> verify(const Invocation& call);
Result<int> apply(const Invocation& call);
Result<int> plan(const Invocation& call);
Result<int> remove(const Invocation& call);
Result<int> rename(const Invocation& call);
Result<int> clone(const Invocation& call);
Result<int> diff(const Invocation& call);
Result<int> snapshot(const Invocation& call);
Result<int> snapshots(const Invocation& call);
Result<int> rollback(const Invocation& call);
Result<int> commit(const Invocation& call);
Result<int> rebase(const Invocation& call);
Result<int> list_volumes(const Invocation& call);
Result<int> volume_create(const Invocation& call);
Result<int> volume_remove(const Invocation& call);

Result<int> import_config(const Invocation& call);

Result<int> doctor(const Invocation& call);
Result<int> reload(const Invocation& call);

// Says it, and gives the exit status of a command line that cannot be understood.
// Whether what was refused to be done to a machine can be done to an image: as machinectl, whose machines are images, has it.
bool is_only_image(Client& client, const std::string& name, const Error& refusal);
int usage_error(const Error& failure);

// A connection as the user wants it (--no-ask-password).
Result<Client> connect(const Invocation& call);

// Does the same for each operand. A failure is said on standard error, the others are done all the same: 1, else 0.
Result<int> for_each_machine(const Invocation& call, const std::function<Result<>(const std::string& name)>& act);

// Until a machine that there was does not run, or is gone.
Result<> wait_until_stopped(const Invocation& call, const std::string& name);
// Until it runs in a later boot than that one. Errors: Failed, where it has ended instead.
Result<> wait_until_rebooted(const Invocation& call, const std::string& name, uint64_t boots);

// "cannot start machine 'web'": before the sentence of a failure.
std::string cannot(std::string_view what, std::string_view machine);

// The working directory, for paths on the command line.
Result<std::string> working_folder();

}  // namespace holm::cli::verbs
