/*
 * The only process of a guest (docs/kernels.md): it makes the system calls that the host asks for.
 *
 * The host speaks over a virtio port. A request is a list of writes to this process's memory and a list of system
 * calls; every address in it is one of this process, since the arena has a fixed place. Results that are file
 * descriptors are kept in slots, and a call can have slots patched into its arguments or into memory.
 * vm/guests/wire.py is the other half and describes the format.
 *
 * No C library: it is compiled with nothing but the compiler that the project installs.
 */

#include "program.h"

enum {
	SYS_read = 0, SYS_write = 1, SYS_open = 2, SYS_close = 3, SYS_mmap = 9, SYS_dup2 = 33, SYS_fork = 57,
	SYS_execve = 59, SYS_exit = 60, SYS_mkdir = 83, SYS_setsid = 112, SYS_mount = 165,
	SYS_reboot = 169, SYS_finit_module = 313,
};

#define ARENA 0x200000000UL
#define ARENA_SIZE (96UL << 20)
#define MAGIC 0x67667062u /* "bpfg" */
#define SPAWN 0x10000UL
#define SKIPPED 0x7fffffffffffffffL
#define SLOTS 4096
#define MAX_PATCHES 65536
#define MAX_READS 64

enum { STOP = 1 };                       /* flag of a call: if it fails, the rest of the request is skipped */
enum { BYTES, TEXT, RETURNED };          /* kinds of a read: all of it; up to the first NUL; as many as the call returned */

struct call { u64 nr, args[6]; u32 slot, flags, patches, reads; };
struct patch { u64 address, slot; };     /* an address below 6 is an argument of the call */
struct wanted { u64 address; u32 max, kind; };

static int port;
static s64 slots[SLOTS];
static struct patch patches[MAX_PATCHES];
static struct wanted reads[MAX_READS];

static void get(void *to, u64 n)
{
	for (u8 *p = to; n; ) {
		s64 got = sys(SYS_read, port, (u64)p, n, 0, 0, 0);

		if (got <= 0) {
			nap(1);
			continue;
		}
		p += got;
		n -= got;
	}
}

static void put(const void *from, u64 n)
{
	for (const u8 *p = from; n; ) {
		s64 done = sys(SYS_write, port, (u64)p, n > 32768 ? 32768 : n, 0, 0, 0);

		if (done <= 0) {
			nap(1);
			continue;
		}
		p += done;
		n -= done;
	}
}

/* args: path, argv, envp, standard input, output and error. The child leads a session. */
static s64 spawn(const u64 *args)
{
	s64 pid = sys(SYS_fork, 0, 0, 0, 0, 0, 0);

	if (pid)
		return pid;
	sys(SYS_setsid, 0, 0, 0, 0, 0, 0);
	for (int fd = 0; fd < 3; fd++)
		sys(SYS_dup2, args[3 + fd], fd, 0, 0, 0, 0);
	sys(SYS_execve, args[0], args[1], args[2], 0, 0, 0);
	sys(SYS_exit, 127, 0, 0, 0, 0, 0);
	return 0;
}

static void answer(const struct call *call, s64 result)
{
	put(&result, sizeof result);
	for (u32 i = 0; i < call->reads; i++) {
		const u8 *at = (const u8 *)reads[i].address;
		u32 n = reads[i].max;

		if (reads[i].kind == TEXT) {
			for (n = 0; n < reads[i].max && at[n]; )
				n++;
		} else if (reads[i].kind == RETURNED) {
			n = result < 0 ? 0 : (u64)result < n ? (u32)result : n;
		}
		put(&n, sizeof n);
		put(at, n);
	}
}

static void serve(void)
{
	u32 head[3];
	int skip = 0;

	get(head, sizeof head);
	if (head[0] != MAGIC)
		return;
	for (u32 i = 0; i < head[1]; i++) {
		u64 where[2];

		get(where, sizeof where);
		get((void *)where[0], where[1]);
	}
	for (u32 i = 0; i < head[2]; i++) {
		struct call call;
		s64 result = SKIPPED;

		get(&call, sizeof call);
		if (call.patches > MAX_PATCHES || call.reads > MAX_READS)
			return;
		get(patches, call.patches * sizeof *patches);
		get(reads, call.reads * sizeof *reads);
		if (skip) {
			put(&result, sizeof result);
			continue;
		}
		for (u32 k = 0; k < call.patches; k++) {
			s64 value = slots[patches[k].slot % SLOTS];

			if (patches[k].address < 6)
				call.args[patches[k].address] = value;
			else
				*(int *)patches[k].address = value;
		}
		result = call.nr == SPAWN ? spawn(call.args) :
			sys(call.nr, call.args[0], call.args[1], call.args[2], call.args[3], call.args[4], call.args[5]);
		if (call.slot < SLOTS)
			slots[call.slot] = result;
		skip = result < 0 && call.flags & STOP;
		answer(&call, result);
	}
}

static int open_port(void)
{
	static const char *const names[] = { "/dev/vport0p1", "/dev/vport1p1", "/dev/vport2p1" };

	for (int tries = 0; tries < 500; tries++) {
		for (int i = 0; i < 3; i++) {
			s64 fd = sys(SYS_open, (u64)names[i], 2, 0, 0, 0, 0);

			if (fd >= 0)
				return fd;
		}
		nap(10);
	}
	return -1;
}

static void say(const char *text)
{
	u64 n = 0;

	while (text[n])
		n++;
	sys(SYS_write, 1, (u64)text, n, 0, 0, 0);
}

__attribute__((used)) static void start(void)
{
	static const char *const mounts[][2] = { { "/dev", "devtmpfs" }, { "/proc", "proc" }, { "/sys", "sysfs" } };
	char module[] = "/modules/0.ko";
	u32 hello = MAGIC;
	s64 fd;

	for (int i = 0; i < 3; i++)
		sys(SYS_mount, (u64)mounts[i][1], (u64)mounts[i][0], (u64)mounts[i][1], 0, 0, 0);
	fd = sys(SYS_open, (u64)"/dev/ttyS0", 2, 0, 0, 0, 0);
	for (int i = 0; i < 3 && fd >= 0; i++)
		sys(SYS_dup2, fd, i, 0, 0, 0, 0);
	for (; module[9] <= '9'; module[9]++) { /* older kernels have virtio as modules */
		fd = sys(SYS_open, (u64)module, 0, 0, 0, 0, 0);
		if (fd < 0)
			break;
		if (sys(SYS_finit_module, fd, (u64)"", 0, 0, 0, 0))
			say("a module was refused\n");
		sys(SYS_close, fd, 0, 0, 0, 0, 0);
	}
	if (sys(SYS_mmap, ARENA, ARENA_SIZE, 3, 0x32, -1, 0) != ARENA)
		say("no memory for the arena\n");
	port = open_port();
	if (port < 0) {
		say("no virtio port\n");
		sys(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, 0, 0, 0);
	}
	put(&hello, sizeof hello); /* what the host wrote before the port was open is lost, so it waits for this */
	for (;;)
		serve();
}
