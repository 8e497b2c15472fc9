#include "cli/parse.h"

#include <gtest/gtest.h>

#include "cli/help.h"

namespace holm::cli {
namespace {

using Words = std::vector<std::string>;

Invocation parsed(const Words& words)
{
    auto call = parse_command_line(words);
    EXPECT_TRUE(call.has_value()) << call.error().text;
    return call ? *call : Invocation{};
}

std::string refusal(const Words& words, Errc code = Errc::Invalid)
{
    auto call = parse_command_line(words);
    EXPECT_FALSE(call.has_value());
    if (call) return {};
    EXPECT_EQ(call.error().code, code);
    return call.error().text;
}

// Without where to read on.
std::string refused(const Words& words, Errc code = Errc::Invalid)
{
    const std::string text = refusal(words, code);
    return text.substr(0, text.find("; see 'holmctl help"));
}

TEST(Parse, ARefusalNamesTheHelp)
{
    EXPECT_EQ(refusal({"strt", "web"}), "unknown verb 'strt' (did you mean 'start'?); see 'holmctl help'");
    EXPECT_EQ(refusal({"poweroff", "--x", "web"}), "unknown option '--x'; see 'holmctl help stop'");
    EXPECT_EQ(refusal({"start"}), "too few words: holmctl start [OPTION…] NAME…; see 'holmctl help start'");
}

TEST(Parse, WithoutAVerbMachinesAreListed)
{
    for (const Words& words : {Words{}, Words{"--no-legend"}, Words{"--"}}) EXPECT_EQ(parsed(words).verb->verb, Verb::List);
}

TEST(Parse, AliasIsTheSameVerb)
{
    EXPECT_EQ(parsed({"poweroff", "web"}).verb->verb, Verb::Stop);
}

TEST(Parse, UnknownVerbNamesTheNearest)
{
    EXPECT_EQ(refused({"strt", "web"}), "unknown verb 'strt' (did you mean 'start'?)");
    EXPECT_EQ(refused({"x\ny"}), "unknown verb 'x\\x0ay'");
    EXPECT_EQ(refused({""}), "unknown verb ''");
}

TEST(Parse, WordsOfOthersNameOurs)
{
    EXPECT_EQ(refused({"lsit"}), "unknown verb 'lsit' (did you mean 'list'?)");
    EXPECT_EQ(refused({"rm", "web"}), "unknown verb 'rm' (did you mean 'remove'?)");
    EXPECT_EQ(refused({"ps"}), "unknown verb 'ps' (did you mean 'list'?)");
    EXPECT_EQ(refused({"run", "-v", "/a:/b"}), "unknown option '-v' (did you mean '--bind'?)");
    EXPECT_EQ(refused({"exec", "-it", "web", "sh"}), "unknown option '-it' (did you mean '--tty'?)");
    EXPECT_EQ(refused({"stop", "-t", "5", "web"}), "unknown option '-t' (did you mean '--timeout'?)");
    EXPECT_EQ(refused({"list", "-v"}), "unknown option '-v'");
    for (const char* word : {"rm", "delete", "ls", "ps", "inspect", "pause", "unpause"}) {
        EXPECT_NE(find_verb(verb_of_others(word)), nullptr) << word;
        EXPECT_EQ(find_verb(word), nullptr) << word;
    }
}

TEST(Parse, AGroupStandsForTheName)
{
    EXPECT_EQ(parsed({"snapshot", "--group=shop"}).value("--group"), "shop");
    EXPECT_EQ(parsed({"snapshot", "--group=shop"}).operands, Words{});
    EXPECT_EQ(parsed({"snapshot", "--group", "shop", "tag"}).operands, Words{"tag"});
    EXPECT_EQ(parsed({"rollback", "tag", "--group=shop"}).operands, Words{"tag"});
    EXPECT_EQ(parsed({"snapshot", "web"}).operands, Words{"web"});
    const std::string snapshot = "holmctl snapshot [OPTION…] {NAME|--group=SLICE} [TAG]",
                      rollback = "holmctl rollback [OPTION…] {NAME|--group=SLICE} TAG";
    EXPECT_EQ(refused({"snapshot"}), "too few words: " + snapshot);
    EXPECT_EQ(refused({"snapshot", "--group=shop", "web", "tag"}), "unexpected word 'tag': " + snapshot);
    EXPECT_EQ(refused({"rollback", "--group=shop"}), "too few words: " + rollback);
    EXPECT_EQ(refused({"rollback", "web"}), "too few words: " + rollback);
    EXPECT_EQ(refused({"snapshot", "--group=", "tag"}), "option '--group' has an empty value");
    EXPECT_EQ(refused({"snapshots", "--group=shop"}), "unknown option '--group'");
}

TEST(Parse, OptionsOfExecBehindTheNameAreNoCommand)
{
    EXPECT_EQ(refused({"exec", "web", "-u", "nobody", "id"}),
              "options of exec stand before the name, and '-u' stands behind it: holmctl exec [OPTION…] NAME [--] COMMAND…");
    EXPECT_EQ(parsed({"exec", "web", "--", "-u"}).command, (Words{"-u"}));
    EXPECT_EQ(parsed({"exec", "web", "id", "-u"}).command, (Words{"id", "-u"}));
}

TEST(Parse, HelpIsAVerbToo)
{
    EXPECT_EQ(parsed({"help"}).verb, nullptr);
    EXPECT_TRUE(parsed({"help"}).has("--help"));
    for (const Words& words : {Words{"help", "run"}, Words{"-h", "run"}, Words{"run", "-h"}}) {
        EXPECT_TRUE(parsed(words).has("--help"));
        EXPECT_EQ(parsed(words).verb->verb, Verb::Run);
    }
    refused({"-h", "no-such-verb"});
}

TEST(Parse, UnknownOptionNamesTheNearest)
{
    EXPECT_EQ(refused({"list", "--al"}), "unknown option '--al' (did you mean '--all'?)");
    EXPECT_EQ(refused({"list", "--label=a=b", "--foo=secret"}), "unknown option '--foo'");
    EXPECT_EQ(refused({"--jsno=short", "list"}), "unknown option '--jsno' (did you mean '--json'?)");
    EXPECT_EQ(refused({"kill", "-x", "web"}), "unknown option '-x'");
}

TEST(Parse, OptionsStandBeforeAndAfterOperands)
{
    Invocation call = parsed({"kill", "web", "-s", "KILL", "db", "--kill-whom=leader"});
    EXPECT_EQ(call.operands, (Words{"web", "db"}));
    EXPECT_EQ(call.value("--signal"), "KILL");
    EXPECT_EQ(call.value("--kill-whom"), "leader");
}

TEST(Parse, ShortOptionsJoin)
{
    Invocation call = parsed({"logs", "-fn5", "web"});
    EXPECT_TRUE(call.has("--follow"));
    EXPECT_EQ(call.value("--lines"), "5");
    EXPECT_EQ(parsed({"kill", "-s9", "web"}).value("--signal"), "9");
}

TEST(Parse, GlobalOptionsStandAnywhereBeforeACommand)
{
    EXPECT_EQ(parsed({"--json=pretty", "list"}).json, JsonStyle::Pretty);
    EXPECT_EQ(parsed({"list", "--json", "short"}).json, JsonStyle::Short);
    EXPECT_EQ(refused({"list", "--json=xml"}), "--json= is short, pretty or off, not 'xml'");
}

TEST(Parse, EmptyAndMissingValues)
{
    EXPECT_EQ(refused({"kill", "--signal=", "web"}), "option '--signal' has an empty value");
    EXPECT_EQ(refused({"kill", "--signal", "", "web"}), "option '--signal' has an empty value");
    EXPECT_EQ(refused({"kill", "web", "--signal"}), "option '--signal' needs a value");
    EXPECT_EQ(refused({"list", "--all=no"}), "option '--all' takes no value");
}

TEST(Parse, TheLastOfTwoValuesCountsAListHasBoth)
{
    EXPECT_EQ(parsed({"kill", "-s1", "-s2", "web"}).value("--signal"), "2");
    EXPECT_EQ(parsed({"run", "--lower=/a", "--lower", "/b"}).values("--lower"), (Words{"/a", "/b"}));
    EXPECT_TRUE(parsed({"list", "--all", "--all"}).has("--all"));
}

TEST(Parse, ValuesStayAsTheyAre)
{
    EXPECT_EQ(parsed({"run", "--env=A=[a,b]", "--env", "-x=1", "--env", "--y=", "--env=B="}).values("--env"),
              (Words{"A=[a,b]", "-x=1", "--y=", "B="}));
}

TEST(Parse, RunTakesACommandAtTheFirstOperand)
{
    Invocation call = parsed({"run", "--root=/srv/web", "--rm", "/bin/ls", "--rm", "--color=", "-l", "--", "x"});
    EXPECT_TRUE(call.has("--rm"));
    EXPECT_EQ(call.command, (Words{"/bin/ls", "--rm", "--color=", "-l", "--", "x"}));
    EXPECT_TRUE(call.operands.empty());
}

TEST(Parse, RunTakesACommandBehindTheMark)
{
    EXPECT_EQ(parsed({"run", "--root=/", "--", "-odd", "--name=x"}).command, (Words{"-odd", "--name=x"}));
    EXPECT_EQ(parsed({"run", "--root=/", "--", "list"}).command, Words{"list"});
    EXPECT_TRUE(parsed({"run", "--root=/", "--"}).command.empty());
}

TEST(Parse, AMistypedOptionOfRunIsNoCommand)
{
    EXPECT_EQ(refused({"run", "--rot=/", "--", "/bin/sh"}), "unknown option '--rot' (did you mean '--root'?)");
    EXPECT_EQ(refused({"run", "--rot=/", "/bin/sh"}), "unknown option '--rot' (did you mean '--root'?)");
}

TEST(Parse, ExecTakesTheMachineThenTheCommand)
{
    Invocation call = parsed({"exec", "-u", "alice", "web", "--", "id", "-u"});
    EXPECT_EQ(call.value("--user"), "alice");
    EXPECT_EQ(call.operands, Words{"web"});
    EXPECT_EQ(call.command, (Words{"id", "-u"}));
    EXPECT_EQ(parsed({"exec", "web", "env", "--tty"}).command, (Words{"env", "--tty"}));
    EXPECT_EQ(parsed({"exec", "web", "printf", "", "++"}).command, (Words{"printf", "", "++"}));
}

TEST(Parse, CreateTakesOptionsBehindTheName)
{
    Invocation call = parsed({"create", "web", "--root=/srv/web", "--", "sleep", "-x"});
    EXPECT_EQ(call.operands, Words{"web"});
    EXPECT_EQ(call.value("--root"), "/srv/web");
    EXPECT_EQ(call.command, (Words{"sleep", "-x"}));
}

TEST(Parse, NumberOfOperands)
{
    EXPECT_EQ(refused({"start"}), "too few words: holmctl start [OPTION…] NAME…");
    EXPECT_EQ(refused({"exec", "web"}), "too few words: holmctl exec [OPTION…] NAME [--] COMMAND…");
    EXPECT_EQ(refused({"wait", "web"}), "too few words: holmctl wait [OPTION…] NAME started|ready|stopped|unit:UNIT|port:PORT");
    EXPECT_EQ(refused({"plan", "web", "db"}), "unexpected word 'db': holmctl plan NAME");
    EXPECT_EQ(refused({"reload", "web"}), "unexpected word 'web': holmctl reload");
    EXPECT_EQ(parsed({"shell", "web"}).operands, Words{"web"});
}

TEST(Parse, WordsBehindTheMarkAreOperands)
{
    EXPECT_EQ(parsed({"start", "--", "-a"}).operands, Words{"-a"});
}

TEST(Parse, HelpNeedsNothingElse)
{
    EXPECT_EQ(parsed({"--help"}).verb, nullptr);
    Invocation call = parsed({"exec", "--help"});
    EXPECT_EQ(call.verb->verb, Verb::Exec);
    EXPECT_TRUE(call.has("--help"));
    EXPECT_FALSE(parsed({"exec", "web", "ls", "--help"}).has("--help"));
}

TEST(Parse, AnotherHostGetsAllButTheHost)
{
    Invocation call = parsed({"-H", "admin@db1", "--json=short", "-q", "run", "--env=A=b c", "--", "sh", "-c", "echo $A"});
    EXPECT_EQ(call.host, "admin@db1");
    EXPECT_EQ(call.remote_words, (Words{"--json=short", "--quiet", "run", "--env=A=b c", "--", "sh", "-c", "echo $A"}));
    EXPECT_EQ(refused({"list", "-H", "db1"}), "unknown option '-H'");
}

TEST(Parse, AHundredThousandWords)
{
    Words words = {"exec", "web", "echo"};
    words.resize(100'000, "--tty");
    EXPECT_EQ(parsed(words).command.size(), words.size() - 2);
}

TEST(VerbTable, EveryVerbHasHelpAndIsFoundByItsName)
{
    for (const VerbInfo& verb : all_verbs()) {
        EXPECT_FALSE(verb.help.empty()) << verb.name;
        EXPECT_EQ(find_verb(verb.name), &verb);
        EXPECT_NE(describe_usage().find(verb.name), std::string::npos);
        EXPECT_TRUE(parse_command_line({std::string(verb.name), "--help"}).has_value()) << verb.name;  // no option twice
    }
}

}  // namespace
}  // namespace holm::cli
