#include "cli/client.h"

#include <cstdlib>
#include <memory>

#include "api/errors.h"
#include "base/text.h"

namespace holm::cli {

namespace {

using BusError = std::unique_ptr<sd_bus_error, decltype(&sd_bus_error_free)>;

// Whether the answer is holmd's own word. All else means that holmd was not reached: dbus-daemon or systemd answered. An object that is
// not there is a machine that has gone between two calls.
bool comes_from_holmd(std::string_view name, Errc code)
{
    return name.starts_with("org.holm1.Error.") || name == "org.freedesktop.DBus.Error.UnknownObject" || code == Errc::Denied ||
           code == Errc::NotSupported || code == Errc::Invalid;
}

Error error_of_call(const sd_bus_error& answer, int result)
{
    const std::string name = answer.name ? answer.name : "";
    const std::string text = answer.message && *answer.message ? answer.message : strerror(-result);
    const Errc code = api::code_of_error_name(name);
    if (name == "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired")
        return error(Errc::Denied, "access denied: a password is needed, and nobody can be asked for it");
    if (name == SD_BUS_ERROR_TIMEOUT)
        return error(Errc::Unavailable, "holmd does not answer: 'systemctl status holmd' and 'journalctl -u holmd' say what it is at");
    if (comes_from_holmd(name, code)) return {code, 0, printable(text, 4096)};
    return error(Errc::Unavailable, "cannot reach holmd: {} (is holmd.service installed? see 'systemctl status holmd')",
                 printable(text, 512));
}

}  // namespace

std::string machine_path(const std::string& name)
{
    char* encoded = nullptr;
    if (sd_bus_path_encode(api::machines_path, name.c_str(), &encoded) < 0) return api::machines_path;
    const std::unique_ptr<char, decltype(&free)> owned(encoded, free);
    return encoded;
}

Result<Client> Client::connect(AskPassword ask)
{
    sd_bus* bus = nullptr;
    if (const int r = sd_bus_open_system(&bus); r < 0) {
        Error failure = errno_error(-r, "cannot connect to the system bus (is dbus.service running?)");
        failure.code = Errc::Unavailable;
        return failure;
    }
    BusHandle owned(bus);
    sd_bus_set_allow_interactive_authorization(bus, ask == AskPassword::Yes);
    Client client(std::move(owned));
    if (ask == AskPassword::Yes) client.agent_ = PolkitAgent::start();
    return client;
}

bool Client::answers_within(std::chrono::microseconds time)
{
    auto question = new_call(api::root_path, "org.freedesktop.DBus.Peer", "Ping");
    if (!question) return true;
    sd_bus_error failure = SD_BUS_ERROR_NULL;
    const BusError owned(&failure, sd_bus_error_free);
    sd_bus_call(bus_.get(), question->get(), static_cast<uint64_t>(time.count()), &failure, nullptr);
    return !sd_bus_error_has_name(&failure, SD_BUS_ERROR_TIMEOUT);
}

Result<MessageHandle> Client::new_call(const std::string& path, const char* interface, const char* method)
{
    sd_bus_message* message = nullptr;
    const int r = sd_bus_message_new_method_call(bus_.get(), &message, api::bus_name, path.c_str(), interface, method);
    if (r < 0) return errno_error(-r, "cannot make the call {}", method);
    return MessageHandle(message);
}

Result<MessageHandle> Client::send(MessageHandle message, uint64_t timeout)
{
    sd_bus_error failure = SD_BUS_ERROR_NULL;
    sd_bus_message* answer = nullptr;
    const int r = sd_bus_call(bus_.get(), message.get(), timeout, &failure, &answer);
    const BusError owned(&failure, sd_bus_error_free);
    if (r < 0) return error_of_call(failure, r);
    return MessageHandle(answer);
}

Result<MessageHandle> Client::send_and_wait(MessageHandle message, const std::function<void(unsigned seconds)>& waiting)
{
    MessageHandle answer;
    auto take = [](sd_bus_message* m, void* into, sd_bus_error*) noexcept {
        static_cast<MessageHandle*>(into)->reset(sd_bus_message_ref(m));
        return 1;
    };
    sd_bus_slot* slot = nullptr;
    if (const int r = sd_bus_call_async(bus_.get(), &slot, message.get(), take, &answer, UINT64_MAX); r < 0)
        return errno_error(-r, "cannot ask holmd");
    const Handle<sd_bus_slot, sd_bus_slot_unref> owned(slot);
    const auto begin = std::chrono::steady_clock::now();
    while (!answer) {
        TRY(wait(std::chrono::seconds(1)));
        const auto passed = std::chrono::steady_clock::now() - begin;
        if (!answer && passed >= std::chrono::seconds(1))
            waiting(static_cast<unsigned>(std::chrono::duration_cast<std::chrono::seconds>(passed).count()));
    }
    if (const sd_bus_error* failure = sd_bus_message_get_error(answer.get())) return error_of_call(*failure, -EIO);
    return answer;
}

Result<MessageHandle> Client::machine_properties(const std::string& name)
{
    auto path = TRY(ask<systemd::ObjectPath>("GetMachine", name));
    MessageHandle message = TRY(new_call(path.text, "org.freedesktop.DBus.Properties", "GetAll"));
    TRY(systemd::append_all(message.get(), api::machine_interface));
    return send(std::move(message));
}

Result<MessageHandle> Client::manager_properties()
{
    MessageHandle message = TRY(new_call(api::root_path, "org.freedesktop.DBus.Properties", "GetAll"));
    TRY(systemd::append_all(message.get(), api::manager_interface));
    return send(std::move(message));
}

int Client::on_signal(sd_bus_message* m, void* self, sd_bus_error*) noexcept
{
    (*static_cast<Heard*>(self))(m);
    return 0;
}

Result<> Client::hear(Heard heard)
{
    if (heard_) {
        *heard_ = std::move(heard);
        return {};
    }
    heard_ = std::make_unique<Heard>(std::move(heard));
    const std::string own = fmt::format("type='signal',sender='{}'", api::bus_name);
    const std::string owner = fmt::format("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{}'", api::bus_name);
    for (const std::string& rule : {own, owner})
        if (const int r = sd_bus_add_match(bus_.get(), nullptr, rule.c_str(), on_signal, heard_.get()); r < 0)
            return errno_error(-r, "cannot subscribe to the signals of holmd");
    return {};
}

Result<> Client::wait(std::chrono::microseconds timeout)
{
    for (int rounds = 0;; ++rounds) {
        int r = sd_bus_process(bus_.get(), nullptr);
        if (r < 0) return error(Errc::Unavailable, "lost the connection to the system bus: {}", strerror(-r));
        if (r > 0) continue;
        if (rounds > 0) return {};
        r = sd_bus_wait(bus_.get(), static_cast<uint64_t>(timeout.count()));
        if (r < 0 && r != -EINTR) return error(Errc::Unavailable, "lost the connection to the system bus: {}", strerror(-r));
        if (r <= 0) return {};
    }
}

}  // namespace holm::cli
