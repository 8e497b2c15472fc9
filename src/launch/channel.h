// The words of the three conversations of a supervisor, each a SEQPACKET socket of kernel/message. Pure: names alone.
//
// 1. holmd → supervisor: CONTROL. The first is a socket pair that holmd hands over at the spawn of a scope's supervisor
//    (--channel=3); any later one, and the only ones of a service, are connections to /run/holm/machines/NAME/control
//    (root only: folder 0700 and SO_PEERCRED uid 0). Any number at once; a dead one is forgotten.
//      go {rows, cols}  + [session [stdin stdout stderr]]   scope only, on the channel only, once: the scope exists, start.
//                 Before "go" the end of the channel ends the supervisor. `session` is the foreground client's; the three are the
//                 payload's own (Console::Pipes): the first boot has them, a later one /dev/null.
//      subscribe {}                     answered by "state", and "state" again at every change:
//      state {state, leader, boots, ready, why, frozen, health, held, held_why}     health = healthy|unhealthy|"" (nobody asks); state =
//      starting|started|running|stopping|ended;
//                 leader = pid of the payload's PID 1 on the host (0: none now); boots counts the payload's boots;
//                 why = sentence of a failure; ended also has {result, status, asked} as in the file `result`. "stopping" is on the
//                 way to the end only: while it is asked to reboot it stays as it was, then it is "starting" with one boot more.
//                 restarts = by the policy, in this life of the unit; restarted_after = how the boot before the last of them ended;
//                 restarting = 1: one is being made; next_boot_at = when, where it rests before: CLOCK_MONOTONIC in µs, 0: it does not.
//      warning {text}                   to subscribers: for the client and the log
//      exec {arg…, env… ("K=V"), user, workdir, tty = 0|1, detach = 0|1, rows, cols, term, tools} + session [stdin stdout stderr]
//                                       tools: a root on the host; with it the command is debug's (setup/debug.h)
//                                       record (µs): what is called is told on one descriptor more, the last (setup/record.h);
//                                       without a command it is all that runs in the machine, for that long. limited = 1: of the
//                                       payload's capabilities it has those of capability… alone.
//                                       answered by ok {} (the request was taken) or error; all else goes to the session.
//                                       bound = 1: all of it is killed at the end of the session. The three only without tty and detach;
//                                       with detach they are /dev/null.
//      attach {rows, cols} + session    console: replay of the ring buffer, then live; answered by ok {} or error
//      stop {}  reboot {}  terminate {} orderly stop, orderly reboot, cgroup.kill now; answered at once by ok {} or error
//      boot {}                          ends the rest before a restart by the policy, if there is one; ok {}
//      continue {}  abort {}            of a start that is held: ok {} or error. held = the step, held_why = what failed there
//      kill {whom = leader|all, signal} ok {} or error
//      freeze {}  thaw {}               cgroup.freeze of payload/; ok {} once the kernel says frozen, or error
//      check {port} or {arg…}           does it listen, does it end with 0: ok {passed = 0|1} or error
//      console {}                       answered by console {text}: the last bytes of the ring buffer, at most 64 KiB
//    Every request is answered; a request of an unknown kind by error NotSupported.
//
// 2. client ↔ supervisor: SESSION. One end is handed out by holmd, which then has no part in it.
//      to the client:    started {} · ready {} · exit {code} or {signal} · error {code, errno, text} · data frames ·
//                        terminal {} + master of an exec's own PTY, which the client then reads and writes itself ·
//                        lost {bytes}: a slow `attach` was skipped over output · warning {text}
//                        Last comes exit or error; then the end of the stream, for a foreground `run` once nothing is left of
//                        the machine: holmd holds the supervisor's side too.
//      to the supervisor: data frames (console input) · resize {rows, cols} · signal {signal}: to the payload or the exec;
//                        a signal that a PID 1 has no handler for acts as it would on any process: SIGKILL in its place,
//                        reported as that signal · stop {}: as in control; not from an exec
//    A foreground client (`run` with a terminal) never loses a byte: the payload waits for it. `attach` may.
//
// 3. supervisor ↔ holm-setup (descriptor 3 of holm-setup): STATUS. One per boot of the payload.
//      down: boot {plan = path, boots, locked = 0|1, memory = 0|1} + payload cgroup folder [memory] [stdin stdout stderr, which
//                            Console::Terminal ignores]; `memory` is what an earlier boot of this unit sent up, given back
//      up, from holm-setup:  facts {name, unit, stop_signal, start_timeout, stop_timeout (µs), console = pipes|terminal,
//                            init = command|systemd|…|sandbox, ready = started|notify, remove, boot, empty (folder to be emptied at the
//                            end), restart = no|on-failure|always, restart_delay, restart_limit, ready_what, ready_port, ready_command…,
//                            health_what, health_port, health_command…, health_interval, health_timeout, health_retries,
//                            on_failure = none|restart|stop}
//                            lock {path} + descriptor holding the OFD lock: kept to the end of the unit
//                            notify {} + bound datagram socket of /run/host/notify, SO_PASSCRED on
//                            memory {} + the upper in memory, a detached mount: kept for the next boot
//                            leader {pid} + pidfd; warning {text}
//                            held {step, why}, from outside or inside: it waits for "continue" {} from above (launch/hold.h)
//      up, from inside:      terminal {} + PTY master · started {} just before execve; then the end of the stream: the exec
//                            has been done. error {…, step}: the boot failed; nothing follows. All but lock and warning at most once.
//    For exec: `holm-setup --exec`, same descriptor: down: exec {plan, arg…, env…, user, workdir, tty, term, rows, cols}
//                            + leader pidfd, cgroup folder of the exec [stdin stdout stderr]
//      up: leader {pid} + pidfd · terminal {} + PTY master (tty) · started {} · or error.
//
// The supervisor's last word, also for a holmd that was not there: the file `result`, "KEY=VALUE" lines:
//      result=exited|signalled|failed|poweroff|killed   status=NUMBER   why=SENTENCE   boots=NUMBER
//      asked=1 (where somebody asked for the end: then no status is a failure)
//      step=STEP (machine/failure.h)   errno=NUMBER   memory_kills=NUMBER   tasks_refused=NUMBER   guest_unit=UNIT: where they are known
//      console=LINE, up to twenty times: the last ones, safe to show
#pragma once

namespace holm::launch::channel {

inline constexpr int status_descriptor = 3;   // of holm-setup
inline constexpr int control_descriptor = 3;  // of a scope's supervisor

}  // namespace holm::launch::channel
