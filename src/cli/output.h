// Output: what holmctl says to its user, on standard output and standard error. Effects: writes, reads the terminal's size.
#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/parse.h"
#include "cli/table.h"

namespace holm::cli {

// Opens the descriptors 0 to 2 that are closed on /dev/null, so that no file or socket of ours becomes somebody's output.
void open_standard_descriptors();

// To standard output. Errors: all of write(2), as on /dev/full.
Result<> print(std::string_view text);
// The same through $SYSTEMD_PAGER, $PAGER or less, when the terminal has fewer lines than the text and the user wants a pager.
Result<> print_paged(std::string_view text, const Invocation& call);
// As text or as JSON, as the user asked.
Result<> print_table(const Table& table, const Invocation& call, const std::string& noun = "machine");

// One line on standard error: "holmctl: TEXT".
void complain(std::string_view text);
// A line for the person at the terminal, not with --quiet.
void tell(std::string_view text, const Invocation& call);

bool is_terminal(int fd);
// Colour on `fd`: a terminal that can, and $NO_COLOR is not set (no-color.org).
bool colour_wanted(int fd);

struct WindowSize {
    uint32_t rows = 0;
    uint32_t columns = 0;
};
// Of the terminal on standard output, else of that on standard input; zeros where there is none.
WindowSize window_size();

// A line on the terminal of standard error that says how far long work is; taken away at the end. Nothing without a terminal.
class Progress {
public:
    Progress(std::string what, const Invocation& call);
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    ~Progress();
    void show(unsigned seconds);
    void show(std::string_view state);
    void clear();  // until it is shown again: of what is said meanwhile

private:
    std::string what_;
    bool wanted_;
    bool shown_ = false;
};

}  // namespace holm::cli
