#include "daemon/authority.h"

#include <utility>

#include "base/log.h"

namespace holm::daemon {

namespace {

constexpr size_t remembered_callers = 256;
constexpr std::chrono::minutes person_deadline{5};  // an administrator may have to type a password
constexpr std::chrono::seconds bus_deadline{10};

enum PolkitFlags : uint32_t { None = 0, AllowUserInteraction = 1 };

Error denied(const Verb& verb)
{
    if (!verb.slice.empty())
        return error(Errc::Denied, "you are not allowed to '{}' the machines of slice '{}' (root may, and who has the polkit action {})",
                     verb.name, verb.slice, action_name(verb.privilege));
    if (!verb.image.empty())
        return error(Errc::Denied, "you are not allowed to '{}' image '{}' (root may, and who has the polkit action {})", verb.name,
                     verb.image, action_name(verb.privilege));
    if (!verb.network.empty() && verb.machine.empty())
        return error(Errc::Denied, "you are not allowed to '{}' network '{}' (root may, and who has the polkit action {})", verb.name,
                     verb.network, action_name(verb.privilege));
    if (verb.machine.empty())
        return error(Errc::Denied, "you are not allowed to '{}' (root may, and who has the polkit action {})", verb.name,
                     action_name(verb.privilege));
    return error(Errc::Denied, "you are not allowed to '{}' machine '{}' (root may, and who has the polkit action {})", verb.name,
                 verb.machine, action_name(verb.privilege));
}

// The answer of CheckAuthorization: (is_authorized, is_challenge, details).
bool is_authorised(sd_bus_message* answer)
{
    std::tuple<bool, bool, systemd::Labels> result;
    return systemd::read(answer, result) && std::get<0>(result);
}

// a{sv} with more keys and types than we know: only ours are looked at.
Result<Credentials> read_credentials(sd_bus_message* answer)
{
    Credentials credentials;
    bool has_uid = false;
    TRY(systemd::detail::enter(answer, 'a', "{sv}"));
    while (sd_bus_message_enter_container(answer, 'e', "sv") > 0) {
        std::string key = TRY(systemd::read<std::string>(answer));
        if (key == "UnixUserID" || key == "ProcessID") {
            auto value = TRY(systemd::read<systemd::Variant>(answer));
            auto* number = std::get_if<uint32_t>(&value);
            if (number) (key == "ProcessID" ? credentials.pid : credentials.uid) = *number;
            has_uid = has_uid || (number && key == "UnixUserID");
        } else if (int r = sd_bus_message_skip(answer, "v"); r < 0) return errno_error(-r, "cannot read who is calling");
        TRY(systemd::detail::leave(answer));
    }
    if (!has_uid) return error(Errc::Denied, "the bus does not know who is calling");
    return credentials;
}

}  // namespace

const char* action_name(Privilege privilege)
{
    switch (privilege) {
    case Privilege::Manage: return "org.holm1.manage";
    case Privilege::StartStop: return "org.holm1.start-stop";
    case Privilege::Login: return "org.holm1.login";
    case Privilege::Shell: return "org.holm1.shell";
    case Privilege::Inspect: return "org.holm1.inspect";
    case Privilege::Images: return "org.holm1.images";
    case Privilege::Networks: return "org.holm1.networks";
    }
    std::unreachable();
}

template <typename... T>
void Authority::call(const systemd::Member& member, std::chrono::microseconds timeout, systemd::Answered answered, const T&... arguments)
{
    auto place = calls_.emplace(calls_.end());
    *place = bus_.call(
        member, timeout,
        [this, place, answered = std::move(answered)](Result<sd_bus_message*> answer) mutable {
            auto keep = std::move(*place);
            calls_.erase(place);
            answered(std::move(answer));
        },
        arguments...);
}

void Authority::identify(const std::string& sender, Known known)
{
    if (auto entry = known_.find(sender); entry != known_.end()) return known(entry->second);
    auto answered = [this, sender, known = std::move(known)](Result<sd_bus_message*> answer) mutable {
        if (!answer) return known(answer.error());
        auto credentials = read_credentials(*answer);
        if (!credentials) return known(credentials.error());
        if (known_.emplace(sender, *credentials).second) order_.push_back(sender);
        if (order_.size() > remembered_callers) {
            known_.erase(order_.front());
            order_.pop_front();
        }
        known(*credentials);
    };
    call({"org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "GetConnectionCredentials"}, bus_deadline,
         std::move(answered), sender);
}

void Authority::forget()
{
    calls_.clear();
    known_.clear();
    order_.clear();
}

void Authority::authorise(Reply reply, Verb verb, Granted granted)
{
    std::string sender = reply.sender();
    identify(sender,
             [this, reply = std::move(reply), verb = std::move(verb), granted = std::move(granted)](Result<Credentials> who) mutable {
                 if (!who) return reply.fail(who.error());
                 if (who->uid == 0) return granted(std::move(reply));
                 ask_polkit(std::move(reply), std::move(verb), std::move(granted));
             });
}

void Authority::ask_polkit(Reply reply, Verb verb, Granted granted)
{
    const std::tuple<std::string, systemd::Options> subject{"system-bus-name", {{"name", reply.sender()}}};
    systemd::Labels details{{"machine", verb.machine}, {"verb", verb.name}, {"user", verb.user}, {"owner", verb.owner}};
    if (!verb.image.empty()) details["image"] = verb.image;
    if (!verb.network.empty()) details["network"] = verb.network;
    const uint32_t flags = sd_bus_message_get_allow_interactive_authorization(reply.call()) > 0 ? AllowUserInteraction : None;
    const std::string action = action_name(verb.privilege);
    auto answered = [reply = std::move(reply), verb = std::move(verb),
                     granted = std::move(granted)](Result<sd_bus_message*> answer) mutable {
        if (answer && is_authorised(*answer)) return granted(std::move(reply));
        if (!answer) log_debug("polkit: {}", answer.error().text);
        reply.fail(denied(verb));
    };
    call({"org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority", "org.freedesktop.PolicyKit1.Authority",
          "CheckAuthorization"},
         person_deadline, std::move(answered), subject, action, details, flags, "");
}

}  // namespace holm::daemon
