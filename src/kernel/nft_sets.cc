#include "kernel/nft_sets.h"

#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <vector>

#include "base/text.h"
#include "kernel/netlink.h"

namespace holm::kernel {

namespace {

std::span<const uint8_t> octets(const std::string& bytes)
{
    return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

void put_data(NetlinkRequest& request, uint16_t attribute, const std::string& bytes)
{
    const size_t nest = request.begin_nest(attribute);
    request.put(NFTA_DATA_VALUE, octets(bytes));
    request.end_nest(nest);
}

// The first key behind a block.
std::string next_of(std::string bytes)
{
    for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
        *byte = static_cast<char>(static_cast<uint8_t>(*byte) + 1);
        if (*byte != 0) break;
    }
    return bytes;
}

void put_entry(NetlinkRequest& request, const SetChange& change)
{
    const bool is_range = change.first != change.last;
    size_t nest = request.begin_nest(NFTA_LIST_ELEM);
    put_data(request, NFTA_SET_ELEM_KEY, change.first);
    if (is_range && change.joined) put_data(request, NFTA_SET_ELEM_KEY_END, change.last);
    if (!change.value.empty()) put_data(request, NFTA_SET_ELEM_DATA, change.value);
    request.end_nest(nest);
    if (!is_range || change.joined) return;
    // Of one part the range's end is an entry of its own.
    nest = request.begin_nest(NFTA_LIST_ELEM);
    put_data(request, NFTA_SET_ELEM_KEY, next_of(change.last));
    request.put_number(NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
    request.end_nest(nest);
}

NetlinkRequest request_of(const SetChange& change)
{
    const uint16_t type = change.removes ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM;
    NetlinkRequest request(
        (NFNL_SUBSYS_NFTABLES << 8) | type, change.removes ? 0 : NLM_F_CREATE,
        nfgenmsg{.nfgen_family = change.family, .version = NFNETLINK_V0, .res_id = 0},
        fmt::format("the firewall refuses {} '{}'", change.removes ? "to remove an entry of" : "an entry of", change.set));
    request.put_text(NFTA_SET_ELEM_LIST_TABLE, change.table).put_text(NFTA_SET_ELEM_LIST_SET, change.set);
    const size_t nest = request.begin_nest(NFTA_SET_ELEM_LIST_ELEMENTS);
    put_entry(request, change);
    request.end_nest(nest);
    return request;
}

}  // namespace

Result<> change_sets(std::span<const SetChange> changes)
{
    if (changes.empty()) return {};
    std::vector<NetlinkRequest> requests;
    for (const SetChange& change : changes) requests.push_back(request_of(change));
    return TRY(netfilter_socket())->transact(NFNL_SUBSYS_NFTABLES, requests);
}

}  // namespace holm::kernel
