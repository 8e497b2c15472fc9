#include "supervisor/lines.h"

#include <utility>

#include "base/text.h"

namespace holm::supervisor {

namespace {

constexpr char escape = '\x1b';

bool ends_line(char byte)
{
    return byte == '\n' || byte == '\r' || byte == '\v' || byte == '\f';
}

// Whether the text ends within a character of UTF-8.
bool cuts_character(std::string_view text)
{
    size_t tail = 0;
    while (tail < text.size() && tail < 4 && (static_cast<unsigned char>(text[text.size() - 1 - tail]) & 0xc0) == 0x80) ++tail;
    if (tail == text.size() || tail == 4) return false;
    auto lead = static_cast<unsigned char>(text[text.size() - 1 - tail]);
    size_t needed = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : lead >= 0xc0 ? 1 : 0;
    return tail < needed;
}

}  // namespace

std::vector<std::string> LineSplitter::feed(std::string_view bytes)
{
    std::vector<std::string> lines;
    for (char byte : bytes) take(byte, lines);
    return lines;
}

std::vector<std::string> LineSplitter::finish()
{
    std::vector<std::string> lines;
    end_line(lines);
    mode_ = Mode::Text;
    return lines;
}

void LineSplitter::take(char byte, std::vector<std::string>& lines)
{
    // A line end ends a sequence too: one that is never closed must not swallow the rest of the log. ESC begins anew.
    if (ends_line(byte)) mode_ = Mode::Text;
    else if (byte == escape && mode_ != Mode::Text) {
        mode_ = mode_ == Mode::String ? Mode::StringEscape : Mode::Escape;
        return;
    }
    bool final = byte >= 0x30 && byte <= 0x7e, csi_final = byte >= 0x40 && byte <= 0x7e;
    switch (mode_) {
    case Mode::Text: take_text(byte, lines); return;
    case Mode::Escape:
        if (byte == '[') mode_ = Mode::Csi;
        else if (byte == ']' || byte == 'P' || byte == 'X' || byte == '^' || byte == '_') mode_ = Mode::String;
        else if (byte >= 0x20 && byte <= 0x2f) mode_ = Mode::EscapeIntermediate;
        else mode_ = Mode::Text;
        return;
    case Mode::EscapeIntermediate:
        if (final) mode_ = Mode::Text;
        return;
    case Mode::Csi:
        if (csi_final) mode_ = Mode::Text;
        return;
    case Mode::String:
        if (byte == '\a') mode_ = Mode::Text;
        return;
    case Mode::StringEscape: mode_ = byte == '\\' ? Mode::Text : Mode::String; return;
    }
}

void LineSplitter::take_text(char byte, std::vector<std::string>& lines)
{
    if (ends_line(byte)) end_line(lines);
    else if (byte == escape) mode_ = Mode::Escape;
    else if (static_cast<unsigned char>(byte) >= 0x20 ? byte != 0x7f : byte == '\t') {
        line_ += byte;
        // Rather a little longer than a character cut in two.
        if (line_.size() >= max_line && (!cuts_character(line_) || line_.size() >= max_line + 4)) end_line(lines);
    }
}

void LineSplitter::end_line(std::vector<std::string>& lines)
{
    if (!line_.empty()) lines.push_back(std::exchange(line_, {}));
}

std::vector<std::string> last_lines(std::string_view output, size_t count)
{
    LineSplitter splitter;
    std::vector<std::string> lines = splitter.feed(output);
    for (std::string& rest : splitter.finish()) lines.push_back(std::move(rest));
    if (lines.size() > count) lines.erase(lines.begin(), lines.end() - static_cast<ptrdiff_t>(count));
    for (std::string& line : lines) line = printable(line);
    return lines;
}

std::string find_failed_unit(std::string_view output)
{
    constexpr std::string_view failed = "[FAILED] Failed to ";
    LineSplitter splitter;
    for (const std::string& line : splitter.feed(output)) {
        const size_t at = line.find(failed);
        if (at == line.npos) continue;
        std::string_view rest = std::string_view(line).substr(at + failed.size());
        rest.remove_prefix(std::min(rest.find(' ') + 1, rest.size()));  // "start", "mount", "listen on"
        const std::string_view unit = rest.substr(0, rest.find(' '));
        return printable(unit.ends_with('.') ? unit.substr(0, unit.size() - 1) : unit, 256);
    }
    return {};
}

std::string without_nul(std::string output)
{
    std::erase(output, '\0');
    return output;
}

}  // namespace holm::supervisor
