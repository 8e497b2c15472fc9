// floor: the least that a whole start can cost, for tests/bench/run: the system calls that nothing which starts a machine gets around,
// one after the other, and nothing else (no plan, no checks, no capabilities, no filter, nothing taken away again).
//   cc -O2 -o floor floor.c $(pkg-config --cflags --libs libsystemd)
//   floor LOWER STATE BRIDGE     "" for no bridge; prints the nanoseconds of CLOCK_MONOTONIC at which /bin/true was executed
// Makes a user range, all namespaces, an id-mapped overlay of LOWER and STATE/{upper,work}, /proc, a veth on BRIDGE with an address and
// a default route, and a scope by systemd; waits for the command.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_link.h>
#include <linux/mount.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <systemd/sd-bus.h>
#include <time.h>
#include <unistd.h>

int mount(const char *, const char *, const char *, unsigned long, const void *);
int umount2(const char *, int);
enum { BASE = 1879048192, BIND = 4096, REC = 16384, SLAVE = 1 << 19, DETACH = 2 };

// -- netlink --------------------------------------------------------------------------------------------------------------------

static char batch[8192];
static size_t batch_size;

static void *room(size_t size)
{
    void *at = batch + batch_size;
    memset(at, 0, NLMSG_ALIGN(size));
    batch_size += NLMSG_ALIGN(size);
    return at;
}

static struct nlmsghdr *begin(int type, int flags, const void *body, size_t size)
{
    struct nlmsghdr *head = room(sizeof *head);
    *head = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags};
    memcpy(room(size), body, size);
    return head;
}

static struct rtattr *add(int type, const void *data, size_t size)
{
    struct rtattr *attribute = room(sizeof *attribute);
    *attribute = (struct rtattr){.rta_len = RTA_LENGTH(size), .rta_type = type};
    if (size) memcpy(room(size), data, size);
    return attribute;
}

static void close_nest(struct rtattr *nest) { nest->rta_len = batch + batch_size - (char *)nest; }
static void end(struct nlmsghdr *head) { head->nlmsg_len = batch + batch_size - (char *)head; }

// All of it by one sendmsg; an answer for each message.
static void send_batch(int messages)
{
    int channel = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (send(channel, batch, batch_size, 0) < 0) err(1, "netlink");
    for (batch_size = 0; messages > 0;) {
        char answer[8192];
        ssize_t size = recv(channel, answer, sizeof answer, 0);
        if (size < 0) err(1, "netlink");
        for (struct nlmsghdr *at = (void *)answer; NLMSG_OK(at, size); at = NLMSG_NEXT(at, size), --messages) {
            struct nlmsgerr *error = NLMSG_DATA(at);
            if (at->nlmsg_type == NLMSG_ERROR && error->error) errno = -error->error, err(1, "netlink message");
        }
    }
    close(channel);
}

static void make_veth(const char *bridge, pid_t child)
{
    char name[IFNAMSIZ];
    snprintf(name, sizeof name, "fl-%d", getpid());
    uint32_t master = if_nametoindex(bridge), pid = child;
    if (!master) err(1, "bridge '%s'", bridge);
    struct ifinfomsg up = {.ifi_flags = IFF_UP, .ifi_change = IFF_UP}, none = {0};
    struct nlmsghdr *head = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &up, sizeof up);
    add(IFLA_IFNAME, name, strlen(name) + 1);
    add(IFLA_MASTER, &master, sizeof master);
    struct rtattr *info = add(IFLA_LINKINFO, 0, 0);
    add(IFLA_INFO_KIND, "veth", 5);
    struct rtattr *data = add(IFLA_INFO_DATA, 0, 0), *peer = add(VETH_INFO_PEER, 0, 0);
    memcpy(room(sizeof none), &none, sizeof none);
    add(IFLA_IFNAME, "host0", 6);
    add(IFLA_NET_NS_PID, &pid, sizeof pid);
    close_nest(peer), close_nest(data), close_nest(info);
    end(head);
    send_batch(1);
}

// In the machine's network namespace.
static void address_veth(void)
{
    uint32_t index = if_nametoindex("host0"), address = inet_addr("10.99.255.2"), gateway = inet_addr("10.99.0.1");
    struct ifinfomsg lo = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP}, up = lo;
    up.ifi_index = index;
    struct ifaddrmsg of = {.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = index};
    struct rtmsg way = {.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
    end(begin(RTM_NEWLINK, 0, &lo, sizeof lo));
    end(begin(RTM_NEWLINK, 0, &up, sizeof up));
    struct nlmsghdr *head = begin(RTM_NEWADDR, NLM_F_CREATE, &of, sizeof of);
    add(IFA_LOCAL, &address, 4), add(IFA_ADDRESS, &address, 4), end(head);
    head = begin(RTM_NEWROUTE, NLM_F_CREATE, &way, sizeof way);
    add(RTA_GATEWAY, &gateway, 4), add(RTA_OIF, &index, 4), end(head);
    send_batch(4);
}

// -- root -----------------------------------------------------------------------------------------------------------------------

static void write_map(pid_t pid, const char *file)
{
    char path[64], map[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC), size = snprintf(map, sizeof map, "0 %d 65536", BASE);
    if (fd < 0 || write(fd, map, size) != size) err(1, "%s", path);
    close(fd);
}

static int id_mapped(const char *path, int users)
{
    int tree = syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
    struct mount_attr map = {.attr_set = MOUNT_ATTR_IDMAP, .userns_fd = users};
    if (tree < 0 || syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &map, sizeof map)) err(1, "id-map %s", path);
    return tree;
}

static void attach(int tree, const char *at)
{
    if (mkdir(at, 0700) || syscall(SYS_move_mount, tree, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH)) err(1, "attach %s", at);
}

static void build_root(const char *lower, const char *state, int users)
{
    if (chdir(state)) err(1, "%s", state);
    mkdir("upper", 0755), mkdir("work", 0755);
    int below = id_mapped(lower, users), above = id_mapped(".", users);
    if (mount("tmpfs", "/mnt", "tmpfs", 0, "mode=755") || chdir("/mnt")) err(1, "tmpfs");
    attach(below, "0"), attach(above, "state"), mkdir("root", 0755);
    struct __user_cap_header_struct head = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct caps[2];
    setfsgid(BASE), setfsuid(BASE);
    if (syscall(SYS_capget, &head, caps)) err(1, "capget");
    caps[0].effective = caps[0].permitted, caps[1].effective = caps[1].permitted;
    if (syscall(SYS_capset, &head, caps)) err(1, "capset");
    if (mount("overlay", "root", "overlay", 0, "lowerdir=0,upperdir=state/upper,workdir=state/work,redirect_dir=off,metacopy=off,index=off"))
        err(1, "overlay");
    setfsuid(0), setfsgid(0);
}

static int inside(int go, const char *bridge)
{
    char byte;
    if (read(go, &byte, 1) != 1) return 1;
    if (setresgid(0, 0, 0) || setresuid(0, 0, 0) || unshare(CLONE_NEWNS)) err(1, "own mount namespace");
    if (*bridge) address_veth();
    if (chdir("/mnt/root") || mount(".", ".", 0, BIND | REC, 0) || chdir("/mnt/root")) err(1, "root over itself");
    if (mount("proc", "proc", "proc", 0, 0)) err(1, "proc");
    if (syscall(SYS_pivot_root, ".", ".") || umount2(".", DETACH) || chdir("/")) err(1, "pivot_root");
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    dprintf(1, "%lld\n", now.tv_sec * 1000000000LL + now.tv_nsec);
    execl("/bin/true", "true", NULL);
    err(1, "/bin/true");
}

// -- scope ----------------------------------------------------------------------------------------------------------------------

static int removed(sd_bus_message *message, void *job, sd_bus_error *error)
{
    (void)error;
    const char *path = 0;
    if (sd_bus_message_read(message, "uo", 0, &path) >= 0 && !strcmp(path, job)) *(char *)job = 0;
    return 0;
}

static void enter_scope(pid_t child)
{
    static char job[256] = "-";
    char name[64];
    sd_bus *bus = 0;
    sd_bus_message *answer = 0;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    const char *path;
    snprintf(name, sizeof name, "floor-%d.scope", child);
    if (sd_bus_open_system(&bus) < 0) errx(1, "no bus");
    sd_bus_match_signal_async(bus, 0, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved",
                              removed, 0, job);
    if (sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "StartTransientUnit",
                           &error, &answer, "ssa(sv)a(sa(sv))", name, "fail", 2, "PIDs", "au", 1, (uint32_t)child, "Delegate", "b", 1, 0) < 0)
        errx(1, "scope: %s", error.message);
    sd_bus_message_read(answer, "o", &path);
    snprintf(job, sizeof job, "%s", path);
    while (*job)
        if (sd_bus_process(bus, 0) == 0) sd_bus_wait(bus, UINT64_MAX);
}

int main(int argc, char **argv)
{
    if (argc != 4) errx(2, "usage: floor LOWER STATE BRIDGE");
    int go[2];
    if (pipe2(go, O_CLOEXEC)) err(1, "pipe");
    if (unshare(CLONE_NEWNS) || mount(0, "/", 0, REC | SLAVE, 0)) err(1, "private mount namespace");
    int flags = CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP;
    pid_t child = syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) exit(inside(go[0], argv[3]));
    write_map(child, "uid_map"), write_map(child, "gid_map");
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/ns/user", child);
    int users = open(path, O_RDONLY | O_CLOEXEC), status;
    enter_scope(child);
    if (*argv[3]) make_veth(argv[3], child);
    build_root(argv[1], argv[2], users);
    if (write(go[1], "g", 1) != 1) err(1, "go");
    waitpid(child, &status, 0);
    return status != 0;
}
