// Linked into the sanitized programs that enter namespaces: the search for leaks needs a process that looks into another (ptrace(2)),
// and hangs there. An environment variable would not do: the supervisor starts its programs with an empty one.
extern "C" const char* __asan_default_options()
{
    return "detect_leaks=0:detect_stack_use_after_return=1";
}
