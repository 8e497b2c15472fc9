#include "cli/parse.h"

#include <algorithm>
#include <exception>

#include <CLI/CLI.hpp>

#include "base/text.h"

namespace holm::cli {

namespace {

// CLI11 takes the next word as the value of "--name=". A value that no user can mean keeps the two apart: with it the
// empty value is seen for what it is. It is taken off again from all that is no such option.
constexpr char empty_mark = '\x01';

std::vector<std::string> mark_empty_values(std::vector<std::string> words)
{
    for (std::string& word : words)
        if (word.starts_with("--") && word.find('=') == word.size() - 1) word += empty_mark;
    return words;
}

std::string unmark(std::string word)
{
    if (!word.empty() && word.back() == empty_mark) word.pop_back();
    return word;
}

bool looks_like_option(std::string_view word)
{
    return word.size() > 1 && word.starts_with('-') && word != "--";
}

Error unknown_option(std::string_view word, const std::vector<OptionInfo>& known)
{
    const std::string name(word.substr(0, word.find('=')));
    const std::string_view meant = option_of_others(name);
    if (std::ranges::find(known, meant, &OptionInfo::name) != known.end())
        return error(Errc::Invalid, "unknown option '{}' (did you mean '{}'?)", printable(name), meant);
    std::vector<std::string_view> names;
    names.reserve(known.size());
    for (const OptionInfo& option : known) names.push_back(option.name);
    return error(Errc::Invalid, "unknown option '{}'{}", printable(name), did_you_mean(name, names));
}

struct Words {
    std::map<std::string, std::vector<std::string>, std::less<>> options;
    std::vector<std::string> rest;  // what is no option, with the "--" that was before it
};

// Takes the known options out of the words. `whole_tail`: the first word that is no option ends the search.
Result<Words> take_options(const std::vector<std::string>& words, const std::vector<OptionInfo>& known, bool whole_tail)
{
    CLI::App app;
    app.set_help_flag();
    app.allow_extras();
    app.prefix_command(whole_tail);
    std::vector<std::pair<const OptionInfo*, CLI::Option*>> added;
    for (const OptionInfo& option : known) {
        std::string names(option.name);
        if (option.letter) names = fmt::format("-{},{}", option.letter, names);
        const bool is_flag = option.kind == OptionKind::Flag || option.kind == OptionKind::Maybe;
        CLI::Option* made = is_flag ? app.add_flag(names) : app.add_option(names)->expected(1)->allow_extra_args(false)->type_size(1);
        if (option.kind == OptionKind::List) made->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
        else made->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
        added.emplace_back(&option, made);
    }
    std::vector<std::string> reversed = mark_empty_values(words);
    std::ranges::reverse(reversed);  // as CLI11 wants them
    try {
        app.parse(reversed);
    } catch (const CLI::ArgumentMismatch&) {
        return error(Errc::Invalid, "option '{}' needs a value", printable(words.back()));  // only the last word can lack one
    } catch (const std::exception& failure) {
        return error(Errc::Invalid, "cannot understand the command line: {}", printable(failure.what()));
    }

    Words found;
    for (auto& [option, made] : added) {
        if (made->count() == 0) continue;
        std::vector<std::string>& values = found.options[std::string(option->name)];
        values = made->results();
        if (option->kind == OptionKind::Flag) {
            if (std::ranges::any_of(values, [](const std::string& value) { return value != "true"; }))
                return error(Errc::Invalid, "option '{}' takes no value", option->name);
            values.clear();
            continue;
        }
        if (option->kind == OptionKind::Maybe && values.back() == "true") {
            values.clear();
            continue;
        }
        for (std::string& value : values) {
            value = unmark(std::move(value));
            if (value.empty()) return error(Errc::Invalid, "option '{}' has an empty value", option->name);
        }
        if (option->kind != OptionKind::List) values.erase(values.begin(), values.end() - 1);
    }
    for (std::string& word : app.remaining()) found.rest.push_back(unmark(std::move(word)));
    for (const std::string& word : found.rest) {
        if (word == "--" || (whole_tail && !looks_like_option(word))) break;
        if (looks_like_option(word)) return unknown_option(word, known);
    }
    return found;
}

// Without the first "--", which only ends the options.
std::vector<std::string> without_mark(std::vector<std::string> words)
{
    auto mark = std::ranges::find(words, "--");
    if (mark != words.end()) words.erase(mark);
    return words;
}

Result<JsonStyle> parse_json_style(const std::string& text)
{
    if (text == "short") return JsonStyle::Short;
    if (text == "pretty") return JsonStyle::Pretty;
    if (text == "off" || text.empty()) return JsonStyle::Off;
    return error(Errc::Invalid, "--json= is short, pretty or off, not '{}'", printable(text));
}

Result<const VerbInfo*> parse_verb(const std::string& word)
{
    if (const VerbInfo* verb = find_verb(word)) return verb;
    if (const std::string_view meant = verb_of_others(word); !meant.empty())
        return error(Errc::Invalid, "unknown verb '{}' (did you mean '{}'?)", word, meant);
    std::vector<std::string_view> known = verb_words();
    return error(Errc::Invalid, "unknown verb '{}'{}", printable(word), did_you_mean(word, known));
}

// Operands and command of what is left when the options are taken out.
Result<> split_tail(Invocation& call, std::vector<std::string> rest)
{
    const bool marked = !rest.empty() && rest.front() == "--";
    if (call.verb->tail == Tail::None) {
        call.operands = without_mark(std::move(rest));
        return {};
    }
    if (marked) rest.erase(rest.begin());
    if (call.verb->tail != Tail::Command && !rest.empty()) {
        call.operands.push_back(std::move(rest.front()));
        rest.erase(rest.begin());
        if (!rest.empty() && rest.front() == "--") rest.erase(rest.begin());
        else if (!rest.empty() && looks_like_option(rest.front()))
            return error(Errc::Invalid, "options of {0} stand before the name, and '{1}' stands behind it: holmctl {2}", call.verb->name,
                         printable(rest.front()), describe_synopsis(*call.verb));
    }
    call.command = std::move(rest);
    return {};
}

// What HOST's holmctl is given: the global options but -H, the verb, and all that follows as it stands.
std::vector<std::string> remote_words(const Invocation& call, const std::string& verb, const std::vector<std::string>& rest)
{
    std::vector<std::string> words;
    for (auto& [name, values] : call.options)
        if (name != "--host") words.push_back(values.empty() ? name : name + "=" + values.back());
    words.push_back(verb);
    words.insert(words.end(), rest.begin(), rest.end());
    return words;
}

Result<> check_operands(const Invocation& call)
{
    const VerbInfo& verb = *call.verb;
    const size_t count = call.operands.size() + call.command.size();
    const Count allowed = !verb.instead.empty() && call.has(verb.instead) ? verb.operands_instead : verb.operands;
    if (count < allowed.least) return error(Errc::Invalid, "too few words: holmctl {}", describe_synopsis(verb));
    if (call.operands.size() > allowed.most)
        return error(Errc::Invalid, "unexpected word '{}': holmctl {}", printable(call.operands[allowed.most]), describe_synopsis(verb));
    return {};
}

}  // namespace

std::string Invocation::value(std::string_view option, std::string_view otherwise) const
{
    auto found = options.find(option);
    return found == options.end() || found->second.empty() ? std::string(otherwise) : found->second.back();
}

const std::vector<std::string>& Invocation::values(std::string_view option) const
{
    static const std::vector<std::string> none;
    auto found = options.find(option);
    return found == options.end() ? none : found->second;
}

namespace {

// Into `call`, whose verb is set once it is known.
Result<> parse_words(Invocation& call, const std::vector<std::string>& words)
{
    std::vector<OptionInfo> known(global_options().begin(), global_options().end());
    Words before = TRY(take_options(words, known, true));
    call.options = std::move(before.options);
    call.json = TRY(parse_json_style(call.value("--json")));
    call.host = call.value("--host");
    if (call.has("--version")) return {};
    if (!before.rest.empty() && before.rest.front() == "help") {
        call.options["--help"];
        before.rest.erase(before.rest.begin());
    }
    if (call.has("--help")) {
        if (!before.rest.empty()) call.verb = TRY(parse_verb(before.rest.front()));
        return {};
    }

    if (!before.rest.empty() && before.rest.front() == "--") before.rest.erase(before.rest.begin());
    if (before.rest.empty()) before.rest.emplace_back("list");  // as machinectl has it
    const std::string word = before.rest.front();
    before.rest.erase(before.rest.begin());
    call.verb = TRY(parse_verb(word));
    if (!call.host.empty()) call.remote_words = remote_words(call, word, before.rest);

    std::erase_if(known, [](const OptionInfo& option) { return !stands_behind_verb(option); });
    std::vector<OptionInfo> of_verb = call.verb->options;
    of_verb.insert(of_verb.end(), known.begin(), known.end());
    Words after = TRY(take_options(before.rest, of_verb, call.verb->tail == Tail::Command || call.verb->tail == Tail::NamedCommand));
    for (auto& [name, values] : after.options) call.options[name] = std::move(values);
    call.json = TRY(parse_json_style(call.value("--json")));
    if (call.has("--help")) return {};

    TRY(split_tail(call, std::move(after.rest)));
    TRY(check_operands(call));
    return {};
}

}  // namespace

Result<Invocation> parse_command_line(const std::vector<std::string>& words)
{
    Invocation call;
    auto parsed = parse_words(call, words);
    if (parsed) return call;
    Error failure = parsed.error();
    if (failure.code == Errc::Invalid)
        failure.text += call.verb ? fmt::format("; see 'holmctl help {}'", call.verb->name) : "; see 'holmctl help'";
    return failure;
}

}  // namespace holm::cli
