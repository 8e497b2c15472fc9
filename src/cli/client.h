// Client: the connection to holmd (org.holm1), synchronous: a command line has nothing else to do while it waits.
// Effects: sends and receives.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <systemd/sd-bus.h>

#include "api/names.h"
#include "base/error.h"
#include "base/handle.h"
#include "cli/polkit_agent.h"
#include "systemd/message.h"

namespace holm::cli {

inline constexpr uint64_t call_timeout = 300'000'000;  // µs: a person may be typing a password

enum class AskPassword { No, Yes };  // whether polkit may ask the user

using systemd::MessageHandle;

class Client {
public:
    // Errors: Unavailable, where there is no bus.
    static Result<Client> connect(AskPassword ask);

    // Whether holmd says anything within that time to a question that needs no work of it.
    bool answers_within(std::chrono::microseconds time);

    // Calls a method of org.holm1.Manager. Errors: those of holmd, their text as it came; Unavailable where holmd cannot be reached.
    template <typename... T>
    Result<MessageHandle> call(const char* method, const T&... arguments)
    {
        MessageHandle message = TRY(new_call(api::root_path, api::manager_interface, method));
        TRY(systemd::append_all(message.get(), arguments...));
        return send(std::move(message));
    }
    // The same for what takes as long as it takes.
    template <typename... T>
    Result<MessageHandle> call_patiently(const char* method, const T&... arguments)
    {
        MessageHandle message = TRY(new_call(api::root_path, api::manager_interface, method));
        TRY(systemd::append_all(message.get(), arguments...));
        return send(std::move(message), UINT64_MAX);
    }
    // The same, with the only value of the answer.
    template <typename Answer, typename... T>
    Result<Answer> ask(const char* method, const T&... arguments)
    {
        MessageHandle answer = TRY(call(method, arguments...));
        return systemd::read<Answer>(answer.get());
    }
    Result<MessageHandle> new_call(const std::string& path, const char* interface, const char* method);
    Result<MessageHandle> send(MessageHandle message, uint64_t timeout = call_timeout);

    // The same for work that takes as long as it takes; `waiting` is told each second how long it has been.
    Result<MessageHandle> send_and_wait(MessageHandle message, const std::function<void(unsigned seconds)>& waiting);

    // The answer of org.freedesktop.DBus.Properties.GetAll, an a{sv}: of a machine, by its name, or of the manager.
    Result<MessageHandle> machine_properties(const std::string& name);
    Result<MessageHandle> manager_properties();

    // Calls back for every signal of org.holm1, from wait(); a change of the owner of org.holm1 too. One hears at a time: the last.
    using Heard = std::function<void(sd_bus_message*)>;
    Result<> hear(Heard heard);
    // Carries out what has come in, waiting for at most `timeout` for the first. Errors: Unavailable, where the bus is gone.
    Result<> wait(std::chrono::microseconds timeout);

private:
    using BusHandle = Handle<sd_bus, sd_bus_flush_close_unref>;
    explicit Client(BusHandle bus) : bus_(std::move(bus)) {}
    static int on_signal(sd_bus_message* m, void* self, sd_bus_error*) noexcept;

    PolkitAgent agent_;
    BusHandle bus_;
    std::unique_ptr<Heard> heard_;  // its address is the bus's: it outlives a move of the Client
};

std::string machine_path(const std::string& name);

}  // namespace holm::cli
