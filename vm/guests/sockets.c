/*
 * A program for workloads of guests (docs/kernels.md): datagrams over IPv4, IPv6 and unix sockets, a unix connection, a
 * question for a socket's option and a packet with a segment routing header, which no program of busybox does.
 *
 * It has two USDT probes, bpfscope:sent and bpfscope:received, each with a descriptor (4 bytes, signed) and a number of
 * bytes (8 bytes, signed). A probe is an instruction that does nothing, and a note (.note.stapsdt) that says where.
 *
 * No C library: it is compiled with nothing but the compiler that the project installs.
 */

#include "program.h"

enum {
	SYS_socket = 41, SYS_connect = 42, SYS_sendto = 44, SYS_recvfrom = 45, SYS_bind = 49,
	SYS_listen = 50, SYS_getsockname = 51, SYS_getpeername = 52, SYS_getsockopt = 55, SYS_exit = 60, SYS_unlink = 87,
};

enum { AF_UNIX = 1, AF_INET = 2, AF_INET6 = 10 };
enum { STREAM = 1, DATAGRAM = 2, RAW = 3, IPPROTO_RAW = 255, SOL_SOCKET = 1, SO_TYPE = 3, DONTWAIT = 0x40 };

#define PORT 0x2823 /* 9000, in the network's order */
#define TRIES 20

/* A note: its owner, type 3; the probe's address, no base, no semaphore; provider, name and where the arguments are. */
#define PROBE(name, fd, bytes)                                                                                        \
	asm volatile("990:\tnop\n"                                                                                    \
		     ".pushsection .note.stapsdt,\"\",\"note\"\n"                                                     \
		     ".balign 4\n"                                                                                    \
		     ".4byte 992f-991f, 994f-993f, 3\n"                                                               \
		     "991:\t.asciz \"stapsdt\"\n"                                                                     \
		     "992:\t.balign 4\n"                                                                              \
		     "993:\t.8byte 990b, 0, 0\n"                                                                      \
		     ".asciz \"bpfscope\"\n"                                                                          \
		     ".asciz \"" name "\"\n"                                                                          \
		     ".asciz \"-4@%k0 -8@%1\"\n"                                                                      \
		     "994:\t.balign 4\n"                                                                              \
		     ".popsection\n" : : "r"((int)(fd)), "r"((s64)(bytes)))

struct address {
	union {
		struct { u16 family, port; u32 ip; u8 zero[8]; } v4;
		struct { u16 family, port; u32 flow; u8 ip[16]; u32 scope; } v6;
		struct { u16 family; char path[32]; } local;
	};
	u32 size;
};

static s64 open_socket_of(int family, int type, int protocol)
{
	return sys(SYS_socket, family, type, protocol, 0, 0, 0);
}

static s64 open_socket(int family, int type)
{
	return open_socket_of(family, type, 0);
}

static struct address local(const char *path)
{
	struct address made = { .local = { .family = AF_UNIX }, .size = 2 };

	for (; *path; path++)
		made.local.path[made.size++ - 2] = *path;
	made.size++;
	return made;
}

static s64 bind_to(s64 fd, const struct address *to)
{
	if (to->local.family == AF_UNIX)
		sys(SYS_unlink, (u64)to->local.path, 0, 0, 0, 0, 0);
	return sys(SYS_bind, fd, (u64)to, to->size, 0, 0, 0);
}

/* A datagram to an address that a socket of ours is bound to. */
static void datagram(int family, const struct address *to)
{
	s64 server = open_socket(family, DATAGRAM), client = open_socket(family, DATAGRAM);
	struct address from = { };
	u8 data[16] = "a datagram";
	u32 size = sizeof from;
	s64 done;

	bind_to(server, to);
	if (family == AF_UNIX) {
		struct address own = local("/tmp/asks");

		bind_to(client, &own);
	}
	done = sys(SYS_sendto, client, (u64)data, sizeof data, 0, (u64)to, to->size);
	PROBE("sent", client, done);
	for (int tries = 0; tries < TRIES; tries++) {
		done = sys(SYS_recvfrom, server, (u64)data, sizeof data, DONTWAIT, (u64)&from, (u64)&size);
		if (done >= 0)
			break;
		nap(5);
	}
	PROBE("received", server, done);
}

/* A connection of unix sockets, and each side's address. */
static void connection(void)
{
	s64 server = open_socket(AF_UNIX, STREAM), client = open_socket(AF_UNIX, STREAM);
	struct address to = local("/tmp/listens"), found;
	u32 size = sizeof found;

	bind_to(server, &to);
	sys(SYS_listen, server, 1, 0, 0, 0, 0);
	sys(SYS_connect, client, (u64)&to, to.size, 0, 0, 0);
	sys(SYS_getpeername, client, (u64)&found, (u64)&size, 0, 0, 0);
	size = sizeof found;
	sys(SYS_getsockname, client, (u64)&found, (u64)&size, 0, 0, 0);
}

static void option(void)
{
	u32 type = 0, size = sizeof type;

	sys(SYS_getsockopt, open_socket(AF_INET, DATAGRAM), SOL_SOCKET, SO_TYPE, (u64)&type, (u64)&size, 0);
}

/* An IPv6 packet for the segment fc00::1, whose last segment is ::1 (RFC 8754). Without a route to it nothing is sent. */
static void segments(void)
{
	struct address to = { .v6 = { .family = AF_INET6, .ip = { 0xfc, [15] = 1 } }, .size = sizeof to.v6 };
	static const u8 packet[] = {
		0x60, 0, 0, 0, 0, 40, 43, 64,                           /* 40 bytes, of which the first header is for routing */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,         /* from ::1 */
		0xfc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,      /* to the segment */
		59, 4, 4, 1, 1, 0, 0, 0,                                /* nothing follows; one segment is left, of two */
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		0xfc, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
	};

	sys(SYS_sendto, open_socket_of(AF_INET6, RAW, IPPROTO_RAW), (u64)packet, sizeof packet, 0, (u64)&to, to.size);
}

__attribute__((used)) static void start(void)
{
	struct address v4 = { .v4 = { AF_INET, PORT, 0x0100007f, { 0 } }, .size = sizeof v4.v4 };
	struct address v6 = { .v6 = { .family = AF_INET6, .port = PORT }, .size = sizeof v6.v6 };
	struct address unix_ = local("/tmp/answers");

	v6.v6.ip[15] = 1;
	datagram(AF_INET, &v4);
	datagram(AF_INET6, &v6);
	datagram(AF_UNIX, &unix_);
	connection();
	option();
	segments();
	sys(SYS_exit, 0, 0, 0, 0, 0, 0);
}
