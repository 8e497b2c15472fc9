// ManagerObject: machines made, defined and planned.
#include <sys/random.h>

#include "api/limits.h"
#include "api/names.h"
#include "base/folder.h"
#include "base/log.h"
#include "daemon/definitions.h"
#include "daemon/manager_object.h"
#include "daemon/options.h"
#include "daemon/planner_child.h"
#include "daemon/process_facts.h"

namespace holm::daemon {

using machine::MachineName;
using systemd::ObjectPath;

namespace {

// Of a machine that was given none: the last component of its root, made valid, and 4 hex digits.
Result<MachineName> draw_name(const machine::RootSpec& root)
{
    const std::string& path = !root.path.empty()    ? root.path
                              : !root.image.empty() ? root.image
                              : root.lower.empty()  ? root.path
                                                    : root.lower.front();
    uint16_t number = 0;
    if (::getrandom(&number, sizeof number, 0) != sizeof number) return sys_error("cannot draw a name");
    constexpr size_t suffix = 5;
    return machine::parse_name(fmt::format("{}-{:04x}", machine::name_from_text(path.substr(path.rfind('/') + 1), 64 - suffix), number));
}

// Whether systemd starts it with holm.target.
bool is_enabled(const MachineName& name)
{
    return exists(fmt::format("/etc/systemd/system/holm.target.wants/{}", api::service_name(name)));
}

// What RunMachine is asked, but for the reply. Errors: Invalid.
Result<> read_run_options(const systemd::Options& options, RunRequest& request)
{
    OptionReader reader(options);
    request.remove = reader.take<bool>("remove", false);
    request.detach = reader.take<bool>("detach", false);
    const auto console = reader.take<std::string>("console", "terminal");
    request.rows = reader.take<uint32_t>("rows", 0);
    request.columns = reader.take<uint32_t>("columns", 0);
    request.term = reader.take<std::string>("term", "");
    TRY(reader.finish());
    if (console != "terminal" && console != "pipes")
        return error(Errc::Invalid, "option 'console' is '{}', not 'terminal' or 'pipes'", printable(console));
    request.console = console == "pipes" ? launch::Console::Pipes : launch::Console::Terminal;
    const size_t wanted = request.console == launch::Console::Pipes ? 3 : 0;
    if (request.fds.size() != wanted) return error(Errc::Invalid, "{} descriptors where {} are wanted", request.fds.size(), wanted);
    if (request.detach && wanted) return error(Errc::Invalid, "a machine on descriptors of its client cannot be detached");
    if (request.rows > api::max_terminal_size || request.columns > api::max_terminal_size)
        return error(Errc::Invalid, "a terminal of {} rows and {} columns", request.rows, request.columns);
    return {};
}

}  // namespace

void ManagerObject::run(Reply reply, const std::string& text, std::string definition, const systemd::Options& options, std::vector<Fd> fds)
{
    RunRequest request{.definition = std::move(definition), .fds = std::move(fds), .reply = std::move(reply)};
    if (auto read = read_run_options(options, request); !read) return request.reply.fail(read.error());
    // Parsed before it is authorised: a text that the caller has sent tells the caller nothing new.
    auto given = text.empty() ? machine::parse_name("machine") : machine::parse_name(text);
    if (!given) return request.reply.fail(given.error());
    Reply waiting = std::move(request.reply);
    authority_.authorise(std::move(waiting), {.privilege = Privilege::Manage, .name = "run", .machine = text},
                         [this, drawn = text.empty(), name = std::move(*given), request = std::move(request)](Reply granted) mutable {
                             auto spec = parse_definition(name, request.definition, "", host_.catalogue.places());
                             if (spec && drawn) {
                                 auto own = draw_name(spec->root);
                                 if (!own) return granted.fail(own.error());
                                 spec->name = name = std::move(*own);
                             }
                             if (!spec) return granted.fail(spec.error());
                             request.spec = std::move(*spec);
                             request.reply = std::move(granted);
                             lifecycle_.run(name, std::move(request));
                         });
}

// Only root, and only from within the machine's own service: its answer is what that service then runs.
void ManagerObject::prepare(Reply reply, const std::string& text)
{
    auto name = machine::parse_name(text);
    if (!name) return reply.fail(name.error());
    const std::string sender = reply.sender();
    authority_.identify(sender, [this, name = std::move(*name), reply = std::move(reply)](Result<Credentials> caller) mutable {
        if (!caller) return reply.fail(caller.error());
        auto cgroup = cgroup_of(static_cast<pid_t>(caller->pid));
        if (caller->uid != 0 || !cgroup || cgroup_of_unit(*cgroup, api::service_name(name)).empty())
            return reply.fail(error(Errc::Denied, "only a process of {} may ask for its plan", api::service_name(name)));
        lifecycle_.prepare(name, std::string(cgroup_of_unit(*cgroup, api::service_name(name))), std::move(reply));
    });
}

// -- definitions --------------------------------------------------------------------------------------------------------------------

void ManagerObject::create(Reply reply, const std::string& text, std::string definition)
{
    authorise(std::move(reply), Privilege::Manage, "create", text,
              [this, definition = std::move(definition)](Reply granted, const MachineName& name) mutable {
                  const auto view = find_view(lifecycle_, host_.catalogue, name);
                  const Known* known = host_.catalogue.find(name);
                  const bool can_get_one = view && !view->active && known && known->origin == Origin::Image;
                  if (view && !can_get_one)
                      return granted.fail(error(Errc::Exists, "machine '{}' exists already: {}", name.text(),
                                                view->definition.empty() ? view->unit : view->definition));
                  store(std::move(granted), name, definition);
              });
}

void ManagerObject::write(Reply reply, const std::string& text, std::string definition)
{
    authorise(
        std::move(reply), Privilege::Manage, "edit", text,
        [this, definition = std::move(definition)](Reply granted, const MachineName& name) mutable {
            const Known* known = host_.catalogue.find(name);
            if (!known) return granted.fail(lifecycle_.unknown(name));
            if (known->origin == Origin::Image) return granted.fail(no_definition(name));
            if (known->origin != Origin::Definition)
                return granted.fail(error(Errc::Invalid, "machine '{}' was made by 'run': it has a record, no definition", name.text()));
            store(std::move(granted), name, definition);
        });
}

// Checked as a whole, written as one step, and systemd's generators run again.
void ManagerObject::store(Reply reply, const MachineName& name, const std::string& definition)
{
    if (auto free = lifecycle_.check_unchanging(name); !free) return reply.fail(free.error());
    auto spec = parse_definition(name, definition, definition_path(name), host_.catalogue.places());
    if (!spec) return reply.fail(spec.error());
    if (auto written = write_definition(name, definition); !written) return reply.fail(written.error());
    auto place = operations_.emplace(operations_.end());
    *place = host_.units.reload([this, place, reply = std::move(reply)](const Result<>& done) mutable {
        auto ended = std::move(*place);
        operations_.erase(place);
        if (done) reply.ok();
        else reply.fail(with_context(done.error(), "the definition is written, but systemd does not read it"));
    });
}

void ManagerObject::read(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "cat", text, [this](Reply granted, const MachineName& name) {
        const Known* known = host_.catalogue.find(name);
        if (!known) return granted.fail(lifecycle_.unknown(name));
        if (known->origin == Origin::Image) return granted.fail(no_definition(name));
        auto definition = read_regular_file(known->path, api::max_definition);
        if (definition) granted.ok(*definition, known->path);
        else granted.fail(definition.error());
    });
}

void ManagerObject::remove(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Manage, "remove", text,
              [this](Reply granted, const MachineName& name) { lifecycle_.remove(name, std::move(granted)); });
}

void ManagerObject::verify(Reply reply, const std::string& text, std::string definition)
{
    authorise(std::move(reply), Privilege::Inspect, "verify", text,
              [this, definition = std::move(definition)](Reply granted, const MachineName& name) {
                  auto spec = parse_definition(name, definition, "", host_.catalogue.places());
                  if (spec) granted.ok();
                  else granted.fail(spec.error());
              });
}

// -- plans as text ------------------------------------------------------------------------------------------------------------------

void ManagerObject::plan_machine(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Inspect, "plan", text, [this](Reply granted, const MachineName& name) {
        const Known* known = host_.catalogue.find(name);
        if (known && !known->spec) return granted.fail(known->spec.error());
        const MachineEntry* machine = lifecycle_.find(name);
        if (machine && machine->life.started) return lifecycle_.compare(name, Lifecycle::Shape::Text, std::move(granted));
        PlanRequest request{.name = name};
        const bool service = !known || is_service(known->origin);
        request.unit = service ? launch::UnitKind::Service : launch::UnitKind::Scope;
        if (known && !service) request.spec = *known->spec;  // a definition the planner reads itself, as at a start
        if (known) request.promised_uuid = lifecycle_.promise_uuid(name);
        plan_as_text(std::move(granted), std::move(request));
    });
}

// Planning looks at whatever paths the text names: who may ask for that may run it.
void ManagerObject::plan_definition(Reply reply, const std::string& text, std::string definition)
{
    authorise(std::move(reply), Privilege::Manage, "plan", text.empty() ? "machine" : text,
              [this, definition = std::move(definition)](Reply granted, const MachineName& name) {
                  auto spec = parse_definition(name, definition, "", host_.catalogue.places());
                  if (!spec) return granted.fail(spec.error());
                  plan_as_text(std::move(granted), PlanRequest{.name = name, .spec = std::move(*spec)});
              });
}

void ManagerObject::plan_as_text(Reply reply, PlanRequest request)
{
    request.settings = host_.settings;
    auto place = workers_.emplace(workers_.end());
    const MachineName name = request.name;
    *place =
        start_describing(host_.loop, std::move(request), [this, place, name, reply = std::move(reply)](Result<std::string> text) mutable {
            auto ended = std::move(*place);
            workers_.erase(place);
            if (text) reply.ok(*text);
            else if (text.error().code == Errc::NotFound && !host_.catalogue.find(name)) reply.fail(lifecycle_.unknown(name));
            else reply.fail(text.error());
        });
}

// -- boot ---------------------------------------------------------------------------------------------------------------------------

void ManagerObject::enable(Reply reply, const std::string& text, bool now)
{
    authorise(std::move(reply), Privilege::Manage, "enable", text, [this, now](Reply granted, const MachineName& name) {
        const Known* known = host_.catalogue.find(name);
        if (known && known->origin == Origin::Definition) return change_files(std::move(granted), name, systemd::UnitFiles::Enable, now);
        if (known && known->origin != Origin::Image)
            return granted.fail(
                error(Errc::Invalid, "machine '{}' was made by 'run': only one with a definition can be enabled", name.text()));
        change_files_of_image(std::move(granted), name, systemd::UnitFiles::Enable, now);
    });
}

// It may be an image: planning it tells.
void ManagerObject::change_files_of_image(Reply reply, const MachineName& name, systemd::UnitFiles change, bool now)
{
    auto place = workers_.emplace(workers_.end());
    PlanRequest request{.name = name, .unit = launch::UnitKind::Service, .settings = host_.settings};
    auto described = [this, place, name, change, now, reply = std::move(reply)](const Result<std::string>& plan) mutable {
        auto ended = std::move(*place);
        workers_.erase(place);
        if (!plan && plan.error().code == Errc::NotFound) return reply.fail(lifecycle_.unknown(name));
        if (!plan && change == systemd::UnitFiles::Enable) return reply.fail(plan.error());
        change_files(std::move(reply), name, change, now);
    };
    *place = start_describing(host_.loop, std::move(request), std::move(described));
}

void ManagerObject::disable(Reply reply, const std::string& text, bool now)
{
    authorise(std::move(reply), Privilege::Manage, "disable", text, [this, now](Reply granted, const MachineName& name) {
        // Of a definition that is gone the link may be left.
        const bool is_known = host_.catalogue.find(name) || is_enabled(name);
        if (is_known) change_files(std::move(granted), name, systemd::UnitFiles::Disable, now);
        else change_files_of_image(std::move(granted), name, systemd::UnitFiles::Disable, now);
    });
}

// `now`: the reply is that of the start or stop that follows; else the job is "/".
void ManagerObject::change_files(Reply reply, const MachineName& name, systemd::UnitFiles change, bool now)
{
    auto place = operations_.emplace(operations_.end());
    auto changed = [this, place, name, change, now, reply = std::move(reply)](const Result<>& done) mutable {
        auto ended = std::move(*place);
        operations_.erase(place);
        if (!done) return reply.fail(done.error());
        if (!now) return reply.ok(ObjectPath{"/"});
        const MachineEntry* machine = lifecycle_.find(name);
        const bool active = machine && is_active(machine->life);
        switch (change) {
        case systemd::UnitFiles::Enable:
            if (active) return reply.ok(ObjectPath{"/"});
            return lifecycle_.start(name, "", std::move(reply));
        case systemd::UnitFiles::Disable:
            if (!active) return reply.ok(ObjectPath{"/"});
            return lifecycle_.stop(name, std::move(reply));
        }
    };
    *place = host_.units.change_files(change, api::service_name(name), std::move(changed));
}

void ManagerObject::reload(Reply reply)
{
    authority_.authorise(std::move(reply), {.privilege = Privilege::Manage, .name = "reload"}, [this](Reply granted) {
        auto done = reload_();
        if (done) granted.ok();
        else granted.fail(done.error());
    });
}

}  // namespace holm::daemon
