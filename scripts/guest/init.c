/*
 * The only process of a small virtual machine: loads BPF programs as users with few capabilities
 * and writes what the kernel says of them, one JSON line a program, to a virtio port.
 *
 * scripts/load_as.py builds and boots it. The kernel's command line tells what to do:
 *   as=none,bpf,bpf+net_admin   the capability sets to load with, each in its own process
 * Objects lie in /objects. Whatever libbpf does for such a user is what is recorded: its probes of
 * kernel features run with the same capabilities as the load.
 */
#define _GNU_SOURCE
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOBODY 65534
#define MAX_FUNCS 512
#define MAX_OBJECTS 4096

/* Walks and texts longer than this are recorded without their text. */
enum { LONGEST_WALK = 20000, LONGEST_TEXT = 400000 };

static const struct { const char *name; int bit; } caps[] = {
	{ "net_admin", CAP_NET_ADMIN }, { "sys_admin", CAP_SYS_ADMIN },
	{ "perfmon", CAP_PERFMON }, { "bpf", CAP_BPF },
};

static FILE *port;
static bool whole; /* all programs of an object are loaded, not the named one alone */
static char log_text[16 << 20], libbpf_says[8192];
static unsigned char code[1 << 20];

static void say_string(const char *key, const char *text)
{
	fprintf(port, ",\"%s\":\"", key);
	for (const unsigned char *c = (const void *)text; *c; c++) {
		if (*c == '"' || *c == '\\')
			fprintf(port, "\\%c", *c);
		else if (*c < ' ' || *c > '~')
			fprintf(port, "\\u%04x", *c);
		else
			fputc(*c, port);
	}
	fputc('"', port);
}

static void say_bytes(const char *key, const unsigned char *bytes, unsigned n)
{
	fprintf(port, ",\"%s\":\"", key);
	while (n--)
		fprintf(port, "%02x", *bytes++);
	fputc('"', port);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

static int keep_warnings(enum libbpf_print_level level, const char *format, va_list args)
{
	size_t used = strlen(libbpf_says);

	if (level == LIBBPF_WARN)
		vsnprintf(libbpf_says + used, sizeof libbpf_says - used, format, args);
	return 0;
}

/* Which capabilities a set like "bpf+net_admin" stands for; -1 if it is none. */
static long long wanted(const char *set)
{
	long long bits = 0;
	char copy[64], *rest = copy, *word;

	snprintf(copy, sizeof copy, "%s", set);
	while ((word = strsep(&rest, "+"))) {
		unsigned i, n = sizeof caps / sizeof *caps;

		for (i = 0; i < n && strcmp(word, caps[i].name); i++)
			;
		if (i < n)
			bits |= 1ll << caps[i].bit;
		else if (strcmp(word, "none"))
			return -1;
	}
	return bits;
}

static void set_effective(long long bits)
{
	struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		exit(3);
	data[0].effective = bits & data[0].permitted;
	data[1].effective = (bits >> 32) & data[1].permitted;
	if (syscall(SYS_capset, &header, data))
		exit(3);
}

/* The saved user stays root, so that as_root() can return; only effective ids and capabilities count. */
static void as_user(long long bits)
{
	if (seteuid(NOBODY))
		exit(3);
	set_effective(bits);
}

static void as_root(void)
{
	set_effective(~0ll);
	if (seteuid(0))
		exit(3);
}

static struct bpf_program *open_one(const char *path, const char *name, struct bpf_object **object)
{
	struct bpf_program *p, *found = NULL;

	*object = bpf_object__open_file(path, NULL);
	if (!*object)
		return NULL;
	bpf_object__for_each_program(p, *object) {
		bool it = !found && !strcmp(bpf_program__name(p), name);

		if (!whole)
			bpf_program__set_autoload(p, it);
		if (it)
			found = p;
	}
	if (found && bpf_program__type(found) == BPF_PROG_TYPE_UNSPEC)
		bpf_program__set_type(found, BPF_PROG_TYPE_SOCKET_FILTER);
	return found;
}

/* Rewritten instructions and machine code; a file of root's own, as those of others show no addresses. */
static void say_code(int user_fd)
{
	static __u32 lens[MAX_FUNCS];
	static __u64 ksyms[MAX_FUNCS];
	struct bpf_prog_info info = {};
	__u32 size = sizeof info, id, n;
	int fd;

	if (bpf_prog_get_info_by_fd(user_fd, &info, &size))
		return;
	id = info.id;
	fd = bpf_prog_get_fd_by_id(id);
	for (int half = 0; fd >= 0 && half < 2; half++) {
		memset(&info, 0, sizeof info);
		if (half) {
			info.jited_prog_len = sizeof code;
			info.jited_prog_insns = (long)code;
			info.nr_jited_func_lens = info.nr_jited_ksyms = MAX_FUNCS;
			info.jited_func_lens = (long)lens;
			info.jited_ksyms = (long)ksyms;
		} else {
			info.xlated_prog_len = sizeof code;
			info.xlated_prog_insns = (long)code;
		}
		size = sizeof info;
		if (bpf_prog_get_info_by_fd(fd, &info, &size))
			break;
		if (!half) {
			fprintf(port, ",\"verified_insns\":%u", info.verified_insns);
			say_bytes("xlated", code, info.xlated_prog_len);
			continue;
		}
		say_bytes("image", code, info.jited_prog_len);
		n = info.nr_jited_func_lens;
		for (__u32 i = 0; i < n; i++)
			fprintf(port, "%s%u", i ? "," : ",\"func_lens\":[", lens[i]);
		for (__u32 i = 0; i < n; i++)
			fprintf(port, "%s%llu", i ? "," : "],\"ksyms\":[", (unsigned long long)ksyms[i]);
		if (n)
			fputc(']', port);
	}
	if (fd >= 0)
		close(fd);
}

static void load_one(const char *path, const char *name, const char *set, long long bits)
{
	unsigned long walked = 0;
	int err = 0;

	for (int pass = 0; pass < (walked > LONGEST_WALK ? 1 : 3); pass++) {
		static const int levels[] = { 4, 1, 2 }; /* first only the messages and numbers, which is quick */
		struct bpf_object *object;
		struct bpf_program *p;
		const char *processed;

		libbpf_says[0] = log_text[0] = 0;
		as_user(bits);
		p = open_one(path, name, &object);
		if (!p) {
			as_root();
			continue;
		}
		bpf_program__set_log_buf(p, log_text, sizeof log_text);
		bpf_program__set_log_level(p, levels[pass]);
		err = bpf_object__load(object);
		as_root();
		if (!pass) {
			const char *verdict = !err ? "accept" : log_text[0] ? "reject" : "error";

			processed = strstr(log_text, "processed ");
			walked = processed ? strtoul(processed + 10, NULL, 10) : 0;
			fprintf(port, "{\"caps\":\"%s\"", set);
			say_string("file", strrchr(path, '/') + 1);
			say_string("prog", name);
			say_string("sec", bpf_program__section_name(p));
			fprintf(port, ",\"type\":%d,\"attach\":%d,\"flags\":%u,\"verdict\":\"%s\",\"err\":%d,\"insns\":%lu",
				bpf_program__type(p), bpf_program__expected_attach_type(p), bpf_program__flags(p),
				verdict, err, walked);
			if (err)
				say_string("libbpf", libbpf_says);
			else
				say_code(bpf_program__fd(p));
		}
		if (strlen(log_text) <= LONGEST_TEXT)
			say_string(pass == 2 ? "log2" : pass == 1 ? "log1" : "log4", log_text);
		bpf_object__close(object);
	}
	fputs("}\n", port);
	fflush(port);
}

static void load_all(const char *path, const char *set, long long bits)
{
	struct bpf_object *object = bpf_object__open_file(path, NULL);
	struct bpf_program *p;

	if (!object) {
		fprintf(port, "{\"caps\":\"%s\"", set);
		say_string("file", strrchr(path, '/') + 1);
		fprintf(port, ",\"open_err\":%d}\n", errno);
		fflush(port);
		return;
	}
	bpf_object__for_each_program(p, object)
		load_one(path, bpf_program__name(p), set, bits);
	bpf_object__close(object);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int objects(char **paths)
{
	DIR *dir = opendir("/objects");
	struct dirent *entry;
	int n = 0;

	while (dir && (entry = readdir(dir)) && n < MAX_OBJECTS)
		if (entry->d_name[0] != '.' && asprintf(&paths[n], "/objects/%s", entry->d_name) > 0)
			n++;
	qsort(paths, n, sizeof *paths, by_name);
	return n;
}

static void open_port(void)
{
	for (int tries = 0; tries < 200 && !port; tries++) {
		port = fopen("/dev/vport0p1", "w");
		if (!port)
			port = fopen("/dev/vport1p1", "w");
		if (!port)
			usleep(20000);
	}
}

int main(void)
{
	static const struct { const char *kind, *where; } mounts[] = {
		{ "proc", "/proc" }, { "sysfs", "/sys" }, { "devtmpfs", "/dev" },
		{ "bpf", "/sys/fs/bpf" }, { "tracefs", "/sys/kernel/tracing" },
	};
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY };
	static char *paths[MAX_OBJECTS], command[4096];
	char *sets, *set;
	int n, fd;

	for (unsigned i = 0; i < sizeof mounts / sizeof *mounts; i++) {
		mkdir(mounts[i].where, 0755);
		mount(mounts[i].kind, mounts[i].where, mounts[i].kind, 0, "");
	}
	write_file("/proc/sys/kernel/unprivileged_bpf_disabled", "0");
	write_file("/proc/sys/net/core/bpf_jit_enable", "1");
	write_file("/proc/sys/net/core/bpf_jit_harden", "0");
	write_file("/proc/sys/kernel/kptr_restrict", "0");
	write_file("/proc/sys/kernel/perf_event_paranoid", "-1");
	setrlimit(RLIMIT_MEMLOCK, &all);
	open_port();
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd < 0 || read(fd, command, sizeof command - 1) < 0 || !port)
		reboot(RB_POWER_OFF);
	close(fd);
	libbpf_set_print(keep_warnings);
	n = objects(paths);
	command[strcspn(command, "\n")] = 0;
	whole = strstr(command, " whole ");
	sets = strstr(command, " as=");
	sets = sets ? sets + 4 : "none";
	sets[strcspn(sets, " ")] = 0;
	while ((set = strsep(&sets, ","))) {
		long long bits = wanted(set);
		int child = bits < 0 ? -1 : fork(); /* libbpf remembers what it probed as long as its process lives */

		for (int i = 0; !child && i < n; i++)
			load_all(paths[i], set, bits);
		if (!child)
			_exit(0);
		if (child > 0)
			waitpid(child, NULL, 0);
	}
	fprintf(port, "{\"done\":%d}\n", n);
	fclose(port);
	sync();
	reboot(RB_POWER_OFF);
}
