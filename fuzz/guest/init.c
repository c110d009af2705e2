// SPDX-License-Identifier: GPL-2.0-only
// The guest's init for fuzzing: loads each program of each object in /corpus and writes
// one JSON line a program to a virtio port. The kernel's own BTF is read once, which is what makes it fast.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <dirent.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

enum { LOG_BYTES = 4 << 20, CODE_BYTES = 1 << 20, MOST_FUNCS = 512, MOST_PROGRAMS = 1024, MOST_NAMES = 512 };

static FILE *out;
static char *log_buf, complaint[4096];
static size_t complained;
static struct btf *kernel_btf;
static const struct itimerval patience = { { 2, 0 }, { 15, 0 } }, no_patience;

// Linked with --wrap: every object asks for the kernel's BTF and frees it when it is closed.
struct btf *__real_btf__load_vmlinux_btf(void);
void __real_btf__free(struct btf *btf);

struct btf *__wrap_btf__load_vmlinux_btf(void)
{
	if (!kernel_btf)
		kernel_btf = __real_btf__load_vmlinux_btf();
	return kernel_btf;
}

void __wrap_btf__free(struct btf *btf)
{
	if (btf != kernel_btf)
		__real_btf__free(btf);
}

// Searching the kernel's BTF for a name takes a walk over all of it: remember what was found.
__s32 __real_btf__find_by_name_kind(const struct btf *btf, const char *name, __u32 kind);

__s32 __wrap_btf__find_by_name_kind(const struct btf *btf, const char *name, __u32 kind)
{
	static struct { char name[64]; __u32 kind; __s32 id; } known[MOST_NAMES];
	static int count;
	if (btf != kernel_btf || strlen(name) >= sizeof known[0].name)
		return __real_btf__find_by_name_kind(btf, name, kind);
	for (int i = 0; i < count; i++)
		if (known[i].kind == kind && !strcmp(known[i].name, name))
			return known[i].id < 0 ? (errno = -known[i].id, known[i].id) : known[i].id;
	__s32 id = __real_btf__find_by_name_kind(btf, name, kind);
	if (count < MOST_NAMES) {
		strcpy(known[count].name, name);
		known[count].kind = kind;
		known[count++].id = id;
	}
	return id;
}

static void put_text(const char *key, const char *text)
{
	fprintf(out, "\"%s\":\"", key);
	for (; *text; text++) {
		unsigned char c = *text;
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put_hex(const char *key, const unsigned char *bytes, unsigned int count)
{
	static const char digits[] = "0123456789abcdef";
	fprintf(out, ",\"%s\":\"", key);
	for (unsigned int i = 0; i < count; i++) {
		fputc(digits[bytes[i] >> 4], out);
		fputc(digits[bytes[i] & 15], out);
	}
	fputc('"', out);
}

static int hear(enum libbpf_print_level level, const char *format, va_list args)
{
	if (level == LIBBPF_WARN && complained < sizeof complaint - 600) {
		int n = vsnprintf(complaint + complained, 512, format, args);
		complained += n > 511 ? 511 : n > 0 ? n : 0;
	}
	return 0;
}

static void put_code(int fd)
{
	static unsigned char xlated[CODE_BYTES], image[CODE_BYTES];
	static __u32 lens[MOST_FUNCS];
	struct bpf_prog_info info = {};
	__u32 size = sizeof info;
	info.xlated_prog_len = info.jited_prog_len = CODE_BYTES;
	info.xlated_prog_insns = (__u64)(unsigned long)xlated;
	info.jited_prog_insns = (__u64)(unsigned long)image;
	info.nr_jited_func_lens = MOST_FUNCS;
	info.jited_func_lens = (__u64)(unsigned long)lens;
	if (bpf_prog_get_info_by_fd(fd, &info, &size) || info.xlated_prog_len > CODE_BYTES ||
	    info.jited_prog_len > CODE_BYTES || info.nr_jited_func_lens > MOST_FUNCS)
		return;
	put_hex("xlated", xlated, info.xlated_prog_len);
	put_hex("image", image, info.jited_prog_len);
	fprintf(out, ",\"func_lens\":[");
	for (unsigned int i = 0; i < info.nr_jited_func_lens; i++)
		fprintf(out, "%s%u", i ? "," : "", lens[i]);
	fputc(']', out);
}

// The object with only the program of that number to be loaded, loaded; NULL if it cannot even be opened.
static struct bpf_object *load(const char *path, int number, int level, struct bpf_program **chosen, int *err)
{
	struct bpf_object *object;
	struct bpf_program *p;
	struct bpf_map *m;
	int n = 0;
	complained = 0;
	complaint[0] = log_buf[0] = 0;
	object = bpf_object__open_file(path, NULL);
	if (!object)
		return NULL;
	bpf_object__for_each_program(p, object) {
		bpf_program__set_autoload(p, n == number);
		if (n++ == number)
			*chosen = p;
	}
	bpf_object__for_each_map(m, object)
		if (bpf_map__type(m) == BPF_MAP_TYPE_PERF_EVENT_ARRAY && !bpf_map__max_entries(m))
			bpf_map__set_max_entries(m, 4);
	if (bpf_program__type(*chosen) == BPF_PROG_TYPE_UNSPEC)
		bpf_program__set_type(*chosen, BPF_PROG_TYPE_SOCKET_FILTER);
	bpf_program__set_log_buf(*chosen, log_buf, LOG_BYTES);
	bpf_program__set_log_level(*chosen, level);
	// A walk that takes too long is broken off by a signal; libbpf tries again a few times.
	setitimer(ITIMER_REAL, &patience, NULL);
	*err = bpf_object__load(object);
	setitimer(ITIMER_REAL, &no_patience, NULL);
	return object;
}

// Level 1 is asked for every third time only: it says less, and a load takes its time.
static void one(const char *name, const char *path, int number)
{
	static int turn;
	struct bpf_program *p = NULL;
	int err = 0, again;
	struct bpf_object *object = load(path, number, 2, &p, &err);
	const char *at = strstr(log_buf, "\nprocessed ");
	fputc('{', out);
	put_text("file", name);
	fputc(',', out);
	put_text("prog", bpf_program__name(p));
	fputc(',', out);
	put_text("sec", bpf_program__section_name(p));
	fprintf(out, ",\"type\":%d,\"attach\":%d,\"flags\":%u", bpf_program__type(p),
		bpf_program__expected_attach_type(p), bpf_program__flags(p));
	fprintf(out, ",\"verdict\":\"%s\",\"err\":%d,\"insns\":%lu,",
		!err ? "accept" : log_buf[0] ? "reject" : "error", err, at ? strtoul(at + 11, NULL, 10) : 0);
	put_text("log2", log_buf);
	fputc(',', out);
	put_text("libbpf", complaint);
	if (!err)
		put_code(bpf_program__fd(p));
	if (log_buf[0] && turn++ % 3 == 0) {
		bpf_object__close(object);
		object = load(path, number, 1, &p, &again);
		fputc(',', out);
		put_text("log1", log_buf);
	}
	fprintf(out, "}\n");
	fflush(out);
	bpf_object__close(object);
}

static void all(const char *name)
{
	char path[4096];
	int n = 0;
	struct bpf_object *object;
	struct bpf_program *p;
	snprintf(path, sizeof path, "/corpus/%s", name);
	complained = 0;
	complaint[0] = 0;
	object = bpf_object__open_file(path, NULL);
	if (!object) {
		fputc('{', out);
		put_text("file", name);
		fprintf(out, ",\"open_err\":%d,", errno);
		put_text("libbpf", complaint);
		fprintf(out, "}\n");
		return;
	}
	bpf_object__for_each_program(p, object)
		n++;
	bpf_object__close(object);
	for (int i = 0; i < n && i < MOST_PROGRAMS; i++)
		one(name, path, i);
}

static void set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	if (fd >= 0) {
		if (write(fd, value, strlen(value)) < 0)
			printf("%s was not set\n", path);
		close(fd);
	}
}

// libbpf reads the configuration of the running kernel, for __kconfig variables, from this place.
static void place_config(void)
{
	struct utsname kernel;
	char path[sizeof kernel.release + 16];
	if (access("/config", R_OK) || uname(&kernel))
		return;
	snprintf(path, sizeof path, "/boot/config-%s", kernel.release);
	mkdir("/boot", 0755);
	if (symlink("/config", path))
		printf("%s was not made\n", path);
}

static void ring(int number)
{
	(void)number;
}

static int is_object(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);
	return n > 2 && !strcmp(entry->d_name + n - 2, ".o");
}

int main(void)
{
	struct rlimit all_of_it = { RLIM_INFINITY, RLIM_INFINITY };
	struct dirent **entries = NULL;
	int count;
	mount("proc", "/proc", "proc", 0, "");
	mount("sysfs", "/sys", "sysfs", 0, "");
	mount("dev", "/dev", "devtmpfs", 0, "");
	mount("bpf", "/sys/fs/bpf", "bpf", 0, "");
	mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, "");
	mount("cgroup", "/sys/fs/cgroup", "cgroup2", 0, "");
	set("/proc/sys/net/core/bpf_jit_enable", "1");
	set("/proc/sys/net/core/bpf_jit_harden", "0");
	set("/proc/sys/kernel/kptr_restrict", "0");
	set("/proc/sys/kernel/perf_event_paranoid", "-1");
	place_config();
	for (int i = 0; i < 200 && !out; i++) {
		out = fopen("/dev/vport0p1", "w");
		if (!out)
			out = fopen("/dev/vport1p1", "w");
		if (!out)
			usleep(10000);
	}
	if (!out)
		reboot(RB_POWER_OFF);
	setvbuf(out, NULL, _IOFBF, 1 << 20);
	setrlimit(RLIMIT_MEMLOCK, &all_of_it);
	signal(SIGALRM, ring);
	libbpf_set_print(hear);
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	log_buf = malloc(LOG_BYTES);
	count = scandir("/corpus", &entries, is_object, alphasort);
	for (int i = 0; i < count; i++)
		all(entries[i]->d_name);
	fprintf(out, "{\"done\":%d}\n", count);
	fflush(out);
	fclose(out);
	sync();
	reboot(RB_POWER_OFF);
}
