// Lines: the output of a terminal as lines of a log: control sequences go, the text stays. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace holm::supervisor {

// Fed with output as it comes. A line ends at LF, CR or VT and FF (so a progress bar is a line a step, and nothing is overwritten
// unseen) or after max_line bytes; empty ones are left out. Escape sequences (ECMA-48: CSI, OSC and the other strings, two- and
// three-byte ones) and control characters other than tab are dropped; every other byte is kept, valid UTF-8 or not.
class LineSplitter {
public:
    static constexpr size_t max_line = 4096;

    // The lines that are complete now.
    std::vector<std::string> feed(std::string_view bytes);
    // What is left without a line end, if anything: at the end of the console.
    std::vector<std::string> finish();

private:
    enum class Mode { Text, Escape, EscapeIntermediate, Csi, String, StringEscape };
    void take(char byte, std::vector<std::string>& lines);
    void take_text(char byte, std::vector<std::string>& lines);
    void end_line(std::vector<std::string>& lines);

    Mode mode_ = Mode::Text;
    std::string line_;
};

// The last lines of a console's output, safe to show: what a failure was preceded by.
std::vector<std::string> last_lines(std::string_view output, size_t count = 10);
// The first unit that systemd says it could not start, "[FAILED] Failed to start nginx.service - …", safe to show; "": none.
std::string find_failed_unit(std::string_view output);
// The output without NUL bytes, which no message holds.
std::string without_nul(std::string output);

}  // namespace holm::supervisor
