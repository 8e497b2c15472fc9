#include "api/errors.h"

#include <array>

namespace holm::api {

namespace {

struct Row {
    Errc code;
    const char* name;
};

// The first row of a code is its own name; the others are what other services say for the same.
constexpr std::array table = {
    Row{Errc::Invalid, "org.holm1.Error.Invalid"},
    Row{Errc::NotFound, "org.holm1.Error.NotFound"},
    Row{Errc::Exists, "org.holm1.Error.Exists"},
    Row{Errc::Busy, "org.holm1.Error.Busy"},
    Row{Errc::Denied, "org.holm1.Error.Denied"},
    Row{Errc::NotSupported, "org.holm1.Error.NotSupported"},
    Row{Errc::Timeout, "org.holm1.Error.Timeout"},
    Row{Errc::Unavailable, "org.holm1.Error.Unavailable"},
    Row{Errc::NoCommand, "org.holm1.Error.NoCommand"},
    Row{Errc::NotExecutable, "org.holm1.Error.NotExecutable"},
    Row{Errc::Failed, "org.holm1.Error.Failed"},
    Row{Errc::Invalid, "org.freedesktop.DBus.Error.InvalidArgs"},
    Row{Errc::Invalid, "org.freedesktop.DBus.Error.InvalidSignature"},
    Row{Errc::NotFound, "org.freedesktop.DBus.Error.UnknownObject"},
    Row{Errc::NotFound, "org.freedesktop.DBus.Error.FileNotFound"},
    Row{Errc::NotFound, "org.freedesktop.DBus.Error.UnixProcessIdUnknown"},
    Row{Errc::NotFound, "org.freedesktop.systemd1.NoSuchUnit"},
    Row{Errc::NotFound, "org.freedesktop.machine1.NoSuchMachine"},
    Row{Errc::Exists, "org.freedesktop.systemd1.UnitExists"},
    Row{Errc::Exists, "org.freedesktop.machine1.MachineExists"},
    Row{Errc::Busy, "org.freedesktop.DBus.Error.LimitsExceeded"},
    Row{Errc::Denied, "org.freedesktop.DBus.Error.AccessDenied"},
    Row{Errc::Denied, "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired"},
    Row{Errc::NotSupported, "org.freedesktop.DBus.Error.UnknownMethod"},
    Row{Errc::NotSupported, "org.freedesktop.DBus.Error.UnknownInterface"},
    Row{Errc::NotSupported, "org.freedesktop.DBus.Error.NotSupported"},
    Row{Errc::Timeout, "org.freedesktop.DBus.Error.NoReply"},
    Row{Errc::Timeout, "org.freedesktop.DBus.Error.Timeout"},
    Row{Errc::Timeout, "org.freedesktop.DBus.Error.TimedOut"},
    Row{Errc::Unavailable, "org.freedesktop.DBus.Error.ServiceUnknown"},
    Row{Errc::Unavailable, "org.freedesktop.DBus.Error.NameHasNoOwner"},
    Row{Errc::Unavailable, "org.freedesktop.DBus.Error.Disconnected"},
    Row{Errc::Unavailable, "org.freedesktop.DBus.Error.NoServer"},
    Row{Errc::Unavailable, "org.freedesktop.systemd1.UnitMasked"},
};

}  // namespace

const char* error_name(Errc code)
{
    for (const Row& row : table)
        if (row.code == code) return row.name;
    return "org.holm1.Error.Failed";
}

Errc code_of_error_name(std::string_view name)
{
    for (const Row& row : table)
        if (name == row.name) return row.code;
    return Errc::Failed;
}

}  // namespace holm::api
