// Console: the PTY master of a machine, which the supervisor keeps over all boots of the payload: its output to the journal by lines,
// to a ring buffer and to sessions; the sessions' input to it. Effects: reads and writes; outside.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <string>
#include <string_view>

#include "kernel/event.h"
#include "kernel/message.h"
#include "supervisor/journal.h"
#include "supervisor/lines.h"
#include "supervisor/packet_stream.h"
#include "supervisor/ring.h"

namespace holm::supervisor {

enum class SessionKind {
    Foreground,  // the payload waits for it: not a byte is lost
    Attach,      // it is skipped over what it is too slow for, and told how much that was
};

struct WindowSize {
    uint16_t rows = 0, columns = 0;  // 0: not known
};
// The fields `rows` and `cols` of a message.
WindowSize parse_window_size(const kernel::Message& message);

class Console {
public:
    // What sessions ask that is not of the console.
    struct Handlers {
        std::function<void(int)> on_signal;
        // A key that the terminal turns into a signal to its foreground process group, the number of which the host sees.
        std::function<void(int signal, int group)> on_key;
        std::function<void()> on_stop;
        std::function<void()> on_flushed;  // after end(): every session has taken its last word, or is gone
    };
    // `copy_to`: a descriptor to which the output is written too, as far as it takes it (-1: none).
    Console(kernel::EventLoop& loop, Journal& journal, int copy_to, Handlers handlers);

    // The terminal of a boot of the payload; sessions go on with it.
    Result<> set_master(Fd master);
    Result<> add_session(Fd socket, SessionKind kind, WindowSize size);
    // There will be no terminal: what sessions type goes nowhere.
    void expect_none() { without_terminal_ = true; }
    // To every session.
    void tell(const kernel::Message& message);
    // The payload is gone: reads what it has written, ends the last line, lets the terminal go.
    void finish();
    // The last word of every session; nothing more is read from them.
    void end(const kernel::Message& last);
    bool has_sessions() const { return !sessions_.empty(); }

    std::string last_output(size_t limit = Ring::capacity) const { return ring_.content(limit); }

private:
    struct Session {
        SessionKind kind;
        std::unique_ptr<PacketStream> stream;
        std::string input = {};  // not yet taken by the terminal
        uint64_t lost = 0;       // bytes it was skipped over and not yet told of
        bool ended = false;      // it has its last word
    };
    using Sessions = std::list<Session>;

    void on_master(uint32_t events);
    // One read. False where there is nothing now.
    bool read_master();
    void take_output(std::string_view bytes);
    void output_to(Session& session, std::string_view bytes);
    void write_input(Session& session);
    void tell_keys(std::string_view typed) const;
    void write_all_input();
    void resize(WindowSize size);
    void update();
    Result<> watch_master();
    void on_packet(Sessions::iterator session, kernel::Packet packet);
    void on_message(const kernel::Message& message);
    void on_drained(Sessions::iterator session);
    void remove(Sessions::iterator session);

    kernel::EventLoop& loop_;
    Journal& journal_;
    Handlers handlers_;
    int copy_to_;
    Fd master_;
    Fd peer_;  // the other side, held open: a console that nobody has open inside is quiet, not hung up
    kernel::Watch watch_;
    kernel::Timer retry_;  // where there is no peer and the console is hung up
    Sessions sessions_;
    Ring ring_;
    LineSplitter lines_;
    WindowSize size_;
    bool without_terminal_ = false;
    bool ended_ = false;
};

}  // namespace holm::supervisor
