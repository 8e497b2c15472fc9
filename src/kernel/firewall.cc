#include "kernel/firewall.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <sys/mman.h>

#include "base/fd.h"
#include "base/handle.h"
#include "base/text.h"
#include "kernel/netlink.h"

namespace holm::kernel {

namespace {

using Context = Handle<nft_ctx, nft_ctx_free>;

// Of "/proc/self/fd/7:3:5-8: Error: syntax error, unexpected string": the line's number and what is wrong with it.
struct Complaint {
    size_t line = 0;  // 0: not known
    std::string_view reason;
};

Complaint first_complaint(std::string_view errors)
{
    std::string_view line = errors.substr(0, errors.find('\n'));
    Complaint complaint{.reason = line};
    size_t mark = line.find("Error: ");
    if (mark == line.npos) return complaint;
    complaint.reason = trim(line.substr(mark + strlen("Error: ")));
    std::vector<std::string_view> place = split(line.substr(0, mark), ':');
    if (place.size() > 2) complaint.line = parse_number(place[1]).value_or(0);
    return complaint;
}

Error complain(const std::string& text, std::string_view errors)
{
    Complaint complaint = first_complaint(errors);
    std::vector<std::string_view> lines = split(text, '\n');
    if (!complaint.line || complaint.line > lines.size())
        return error(Errc::Failed, "the firewall refuses the rules: {}", printable(complaint.reason));
    return error(Errc::Failed, "the firewall refuses line {} of the rules, '{}': {}", complaint.line,
                 printable(trim(lines[complaint.line - 1])), printable(complaint.reason));
}

// Of what it is given in memory nft tells no lines: as a file, then, that only this process has.
Result<Fd> as_file(const std::string& text)
{
    Fd file(::memfd_create("ruleset", MFD_CLOEXEC));
    if (!file) return sys_error("cannot make a file in memory");
    TRY(write_all(file.get(), text));
    return file;
}

}  // namespace

Result<> run_ruleset(const std::string& text)
{
    Context context(nft_ctx_new(NFT_CTX_DEFAULT));
    if (!context || nft_ctx_buffer_output(context.get()) || nft_ctx_buffer_error(context.get()))
        return error(Errc::Unavailable, "libnftables cannot start");
    Fd file = TRY(as_file(text));
    if (nft_run_cmd_from_filename(context.get(), fmt::format("/proc/self/fd/{}", file.get()).c_str()) == 0) return {};
    const char* errors = nft_ctx_get_error_buffer(context.get());
    return complain(text, errors ? errors : "");
}

Result<bool> has_table(uint8_t family, const std::string& name)
{
    NetlinkRequest request((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE, 0, nfgenmsg{.nfgen_family = family, .version = NFNETLINK_V0},
                           fmt::format("cannot look at the firewall's table '{}'", name));
    request.put_text(NFTA_TABLE_NAME, name);
    auto asked = TRY(netfilter_socket())->ask(request, [](const NetlinkAnswer&) {});
    if (!asked && asked.error().sys_errno != ENOENT) return asked.error();
    return asked.has_value();
}

}  // namespace holm::kernel
