// Session: the client's side of conversation 2 of launch/channel.h: bytes, signals and the window's size go to the payload or the
// exec, bytes and the result come back. Effects; outside.
#pragma once

#include <string>

#include "base/error.h"
#include "base/fd.h"
#include "cli/escape.h"
#include "cli/exit_status.h"
#include "cli/signals.h"
#include "cli/terminal.h"

namespace holm::cli {

// Where the bytes are.
enum class SessionBytes {
    None,      // the payload has our own descriptors: they are not touched
    Console,   // data frames on the session
    Terminal,  // the master of the exec's own terminal, which the session brings
};

// What SIGINT, SIGTERM, SIGHUP and SIGQUIT that holmctl itself gets are to the other side. (Keys of a terminal are bytes.)
enum class SessionSignals {
    Pass,    // the same signal
    Stop,    // of a machine that boots: orderly stop
    Detach,  // attach: the end of the session, the machine goes on
};

enum class SessionUntil {
    End,
    Gone,     // the end, and then until nothing is left of the machine (run)
    Started,  // what comes then is of no concern (exec --detach)
};

struct SessionStyle {
    SessionBytes bytes = SessionBytes::None;
    SessionSignals signals = SessionSignals::Pass;
    bool escape = false;       // ^] three times leaves
    bool end_of_input = true;  // the end of standard input is told as a terminal does (^D)
    SessionUntil until = SessionUntil::End;
    bool quiet = false;  // no warnings
};

struct SessionEnd {
    enum class Kind {
        Exited,     // `number` is the exit status
        Signalled,  // `number` is the signal
        Detached,   // by the escape, or a signal (`number`; 0: none)
    } kind = Kind::Exited;
    int number = 0;
};

// The exit status of run, exec and shell for this end.
int exit_status_of_session(const SessionEnd& end);

// Sees a session to its end. The terminal is as it was when this returns, whatever happened.
// Errors: that of the other side; Unavailable, where the session ended with no word.
Result<SessionEnd> run_session(Fd session, const SessionStyle& style, CaughtSignals& signals);

}  // namespace holm::cli
