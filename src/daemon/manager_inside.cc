// ManagerObject: commands, consoles and terminals inside. holmd makes the socket of a session and has no part in what goes over it.
#include <sys/ioctl.h>

#include <algorithm>

#include "api/limits.h"
#include "base/text.h"
#include "daemon/manager_object.h"
#include "daemon/options.h"
#include "machine/grammar.h"

namespace holm::daemon {

using machine::MachineName;

namespace {

// Errors: Invalid.
Result<> add_command(kernel::Message& message, const std::vector<std::string>& command, const std::vector<std::string>& environment)
{
    size_t bytes = 0;
    for (const std::string& argument : command) {
        bytes += argument.size();
        message.add("arg", argument);
    }
    for (const std::string& variable : environment) {
        bytes += variable.size();
        const size_t equals = variable.find('=');
        if (equals == 0 || equals == variable.npos) return error(Errc::Invalid, "'{}' is not of the form KEY=VALUE", printable(variable));
        message.add("env", variable);
    }
    if (command.size() + environment.size() > api::max_command_strings || bytes > api::max_command_bytes)
        return error(Errc::Invalid, "more than {} arguments and variables, or {} bytes of them", api::max_command_strings,
                     api::max_command_bytes);
    if (!command.empty() && command[0].empty()) return error(Errc::Invalid, "the command has no name");
    return {};
}

Result<> check_size(uint32_t rows, uint32_t columns)
{
    if (rows > api::max_terminal_size || columns > api::max_terminal_size)
        return error(Errc::Invalid, "a terminal of {} rows and {} columns", rows, columns);
    return {};
}

// The names of those that the command may have, of the payload's.
void add_capabilities(kernel::Message& message, const std::string& names)
{
    message.add("limited", int64_t{1});
    for (std::string_view name : split(names, ' '))
        if (!name.empty()) message.add("capability", name);
}

// The message "exec" of a call, but for its session.
Result<kernel::Message> exec_message(const systemd::Options& options, const std::vector<std::string>& command,
                                     const std::vector<std::string>& environment, std::vector<Fd> fds)
{
    OptionReader reader(options);
    const auto user = reader.take<std::string>("user", ""), workdir = reader.take<std::string>("workdir", ""),
               term = reader.take<std::string>("term", "");
    const bool tty = reader.take<bool>("tty", false), detach = reader.take<bool>("detach", false);
    const auto record = reader.take<bool>("record", false), limited = reader.take<bool>("limited", false);
    const auto capabilities = reader.take<std::string>("capabilities", "");
    const auto time = reader.take<uint64_t>("for", 10'000'000);
    const auto rows = reader.take<uint32_t>("rows", 0), columns = reader.take<uint32_t>("columns", 0);
    TRY(reader.finish());
    TRY(check_size(rows, columns));
    if (tty && detach) return error(Errc::Invalid, "the options 'tty' and 'detach' exclude each other");
    if (record && detach) return error(Errc::Invalid, "the options 'record' and 'detach' exclude each other");
    const size_t wanted = (tty || detach ? 0 : 3) + (record ? 1 : 0);
    if (fds.size() != wanted) return error(Errc::Invalid, "{} descriptors where {} are wanted", fds.size(), wanted);
    kernel::Message message("exec");
    TRY(add_command(message, command, environment));
    if (!user.empty()) message.add("user", user);
    if (!workdir.empty()) message.add("workdir", workdir);
    if (!term.empty()) message.add("term", term);
    message.add("tty", int64_t{tty}).add("detach", int64_t{detach});
    if (record) message.add("record", static_cast<int64_t>(std::min<uint64_t>(time, INT64_MAX)));
    if (limited) add_capabilities(message, capabilities);
    if (tty && rows) message.add("rows", int64_t{rows}).add("cols", int64_t{columns});
    message.fds = std::move(fds);
    return message;
}

kernel::Message terminal_message(const std::string& user)
{
    kernel::Message message("exec");
    message.add("tty", int64_t{1}).add("detach", int64_t{0}).add("term", "vt220");
    if (!user.empty()) message.add("user", user);
    return message;
}

}  // namespace

// The client's end is handed out once the supervisor has taken the other.
void ManagerObject::ask_with_session(const MachineName& name, kernel::Message message, Reply reply,
                                     std::move_only_function<void(Reply, Fd session)> answered)
{
    auto pair = make_socket_pair();
    if (!pair) return reply.fail(pair.error());
    message.fds.insert(message.fds.begin(), std::move(pair->second));
    lifecycle_.ask(name, std::move(message), std::move(reply),
                   [session = std::move(pair->first), answered = std::move(answered)](Reply granted, const kernel::Message&) mutable {
                       answered(std::move(granted), std::move(session));
                   });
}

void ManagerObject::exec(Reply reply, const std::string& text, const systemd::Options& options, const std::vector<std::string>& command,
                         const std::vector<std::string>& environment, std::vector<Fd> fds)
{
    auto message = exec_message(options, command, environment, std::move(fds));
    if (!message) return reply.fail(message.error());
    const std::string user = message->has("user") ? std::string(message->get("user")) : "root";
    auto allowed = [this, message = std::move(*message)](Reply granted, const MachineName& name) mutable {
        ask_with_session(name, std::move(message), std::move(granted), [](Reply asked, const Fd& session) { asked.ok(session); });
    };
    // Who records looks into the machine with the host's eyes.
    const bool records = options.contains("record");
    authorise(std::move(reply), records ? Privilege::Manage : Privilege::Shell, records ? "record" : "exec", text, std::move(allowed),
              user);
}

// With all privileges of the host, so for those who have them.
void ManagerObject::debug(Reply reply, const std::string& text, const std::string& tools, const systemd::Options& options,
                          const std::vector<std::string>& command, std::vector<Fd> fds)
{
    auto message = exec_message(options, command, {}, std::move(fds));
    if (!message) return reply.fail(message.error());
    auto path = machine::parse_path(tools);
    if (!path) return reply.fail(path.error());
    message->add("tools", *path);
    auto allowed = [this, message = std::move(*message)](Reply granted, const MachineName& name) mutable {
        ask_with_session(name, std::move(message), std::move(granted), [](Reply asked, const Fd& session) { asked.ok(session); });
    };
    authorise(std::move(reply), Privilege::Manage, "debug", text, std::move(allowed), "root");
}

void ManagerObject::attach_machine(Reply reply, const std::string& text, uint32_t rows, uint32_t columns)
{
    if (auto checked = check_size(rows, columns); !checked) return reply.fail(checked.error());
    authorise(std::move(reply), Privilege::Login, "attach", text, [this, rows, columns](Reply granted, const MachineName& name) {
        kernel::Message message("attach");
        message.add("rows", int64_t{rows}).add("cols", int64_t{columns});
        ask_with_session(name, std::move(message), std::move(granted), [](Reply asked, const Fd& session) { asked.ok(session); });
    });
}

// "unit:NAME" and "port:N" alone: what runs in the machine for it is nothing of the caller's choice.
void ManagerObject::check_machine(Reply reply, const std::string& text, const std::string& what)
{
    auto wanted = machine::parse_ready(what);
    if (!wanted) return reply.fail(wanted.error());
    kernel::Message message("check");
    if (wanted->kind == machine::ReadyKind::Port) message.add("port", wanted->argument);
    else if (wanted->kind == machine::ReadyKind::Unit)
        for (const std::string& argument : {std::string("systemctl"), std::string("is-active"), std::string("--quiet"), wanted->argument})
            message.add("arg", argument);
    else return reply.fail(error(Errc::Invalid, "'{}' is neither unit:NAME nor port:NUMBER", printable(what)));
    authorise(std::move(reply), Privilege::Inspect, "check", text,
              [this, message = std::move(message)](Reply granted, const MachineName& name) mutable {
                  lifecycle_.ask(name, std::move(message), std::move(granted), [](Reply asked, const kernel::Message& answer) {
                      asked.ok(answer.get_number("passed").value_or(0) != 0);
                  });
              });
}

// -- pseudo terminals, as machine1 gives them ---------------------------------------------------------------------------------------

void ManagerObject::open_pty(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Shell, "open-pty", text, [this](Reply granted, const MachineName& name) {
        const MachineEntry* machine = started_or_fail(name, granted);
        if (!machine) return;
        auto place = workers_.emplace(workers_.end());
        auto done = [this, place, granted = std::move(granted)](Result<GuestTerminal> terminal) mutable {
            auto ended = std::move(*place);
            workers_.erase(place);
            if (terminal) granted.ok(terminal->master, terminal->path);
            else granted.fail(terminal.error());
        };
        *place = start_opening_terminal(host_.loop, *machine, std::move(done));
    });
}

// Asked for by a call, until the supervisor has sent the terminal of the command, or why there is none.
struct TerminalWait {
    Fd session;
    Reply reply;
    systemd::Source readable, deadline;

    // True: it is over.
    bool receive()
    {
        auto message = kernel::receive_message(session.get(), 0);
        if (!message && message.error().code == Errc::Timeout) return false;
        if (!message) reply.fail(message.error());
        else if (message->kind == "error") reply.fail(kernel::error_of(*message));
        else if (message->kind == "terminal" && message->fds.size() == 1) answer(message->fds.front());
        else if (message->kind == "exit") reply.fail(error(Errc::Failed, "the command ended at once"));
        return !reply;
    }
    // What the guest calls the slave is known from its number, which the master tells.
    void answer(const Fd& master)
    {
        unsigned number = 0;
        if (::ioctl(master.get(), TIOCGPTN, &number)) return reply.fail(sys_error("the command has no terminal"));
        reply.ok(master, fmt::format("/dev/pts/{}", number));
    }
};

void ManagerObject::open_terminal_of(const MachineName& name, kernel::Message message, Reply reply)
{
    ask_with_session(name, std::move(message), std::move(reply), [this](Reply asked, Fd session) {
        auto place =
            terminals_.insert(terminals_.end(), std::make_shared<TerminalWait>(TerminalWait{std::move(session), std::move(asked), {}, {}}));
        auto& wait = **place;
        auto readable = host_.loop.watch_io(wait.session.get(), EPOLLIN, [this, place](uint32_t) {
            if ((*place)->receive()) terminals_.erase(place);
        });
        auto deadline = host_.loop.after(control_deadline, [this, place] {
            (*place)->reply.fail(error(Errc::Timeout, "the command did not start within {} s", control_deadline.count()));
            terminals_.erase(place);
        });
        if (readable && deadline) {
            wait.readable = std::move(*readable);
            wait.deadline = std::move(*deadline);
            return;
        }
        wait.reply.fail(readable ? deadline.error() : readable.error());
        terminals_.erase(place);
    });
}

// A login prompt on a new terminal: the guest's own agetty(8), as on a console.
void ManagerObject::open_login(Reply reply, const std::string& text)
{
    authorise(std::move(reply), Privilege::Login, "login", text, [this](Reply granted, const MachineName& name) {
        kernel::Message message = terminal_message("");
        for (const char* argument : {"/sbin/agetty", "--noclear", "--keep-baud", "-", "115200,38400,9600", "vt220"})
            message.add("arg", argument);
        open_terminal_of(name, std::move(message), std::move(granted));
    });
}

// path "": the user's own login shell; args has the program's name first, as machine1 wants it.
void ManagerObject::open_shell(Reply reply, const std::string& text, const std::string& user, const std::string& path,
                               const std::vector<std::string>& arguments, const std::vector<std::string>& environment)
{
    kernel::Message message = terminal_message(user);
    std::vector<std::string> command;
    if (!path.empty()) {
        command.push_back(path);
        if (arguments.size() > 1) command.insert(command.end(), arguments.begin() + 1, arguments.end());
    }
    if (auto added = add_command(message, command, environment); !added) return reply.fail(added.error());
    auto allowed = [this, message = std::move(message)](Reply granted, const MachineName& name) mutable {
        open_terminal_of(name, std::move(message), std::move(granted));
    };
    authorise(std::move(reply), Privilege::Shell, "shell", text, std::move(allowed), user.empty() ? "root" : user);
}

}  // namespace holm::daemon
