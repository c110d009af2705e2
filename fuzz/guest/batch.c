// SPDX-License-Identifier: GPL-2.0-only
// The guest's init for fuzz/matrix.py: makes the maps of /corpus/batch, loads its programs one after the other with the
// bpf system call alone, and writes one JSON line each. The file is 32-bit words; fuzz/matrix.py says which.
// With as=none on the kernel's command line it does so as a user without capabilities.
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/bpf.h>

enum { LOG_BYTES = 1 << 20, MOST_MAPS = 1024, LOAD_IMM64 = 0x18, FLUSH_EVERY = 256, NOBODY = 65534 };

static FILE *out;
static char *log_buf;
static uint32_t *at;
static int maps[MOST_MAPS];
static uint32_t map_count;

static uint32_t word(void)
{
	return *at++;
}

static int bpf(int command, union bpf_attr *attr)
{
	return syscall(__NR_bpf, command, attr, sizeof *attr);
}

static void text(const char *s)
{
	fputc('"', out);
	for (; *s; s++) {
		unsigned char c = *s;
		if (c == '"' || c == '\\')
			fprintf(out, "\\%c", c);
		else if (c < 32 || c > 126)
			fprintf(out, "\\u%04x", c);
		else
			fputc(c, out);
	}
	fputc('"', out);
}

static void put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY);
	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		perror(path);
	close(fd);
}

static int read_btf(void)
{
	uint32_t bytes = word();
	union bpf_attr attr = { .btf = (long)at, .btf_size = bytes };
	int fd = bytes ? bpf(BPF_BTF_LOAD, &attr) : 0;
	if (fd < 0)
		fprintf(out, "{\"btf\":%d}\n", errno);
	at += (bytes + 3) / 4;
	return fd;
}

// type, key, value, entries, flags, number of the inner map + 1, BTF ids of key and value, name in 16 bytes
static void make_maps(int btf)
{
	map_count = word();
	for (uint32_t i = 0; i < map_count; i++) {
		union bpf_attr attr = { .map_type = word() };
		attr.key_size = word();
		attr.value_size = word();
		attr.max_entries = word();
		attr.map_flags = word();
		uint32_t inner = word();
		attr.btf_key_type_id = word();
		attr.btf_value_type_id = word();
		memcpy(attr.map_name, at, sizeof attr.map_name);
		at += sizeof attr.map_name / sizeof *at;
		if (inner)
			attr.inner_map_fd = maps[inner - 1];
		if (attr.btf_key_type_id)
			attr.btf_fd = btf;
		maps[i] = bpf(BPF_MAP_CREATE, &attr);
		if (maps[i] < 0)
			fprintf(out, "{\"map\":%u,\"type\":%u,\"err\":%d}\n", i, attr.map_type, errno);
	}
}

// type, attach type, flags, BTF id to attach to, log level, number of slots, the slots
static void load(uint32_t number)
{
	union bpf_attr attr = { .prog_type = word() };
	attr.expected_attach_type = word();
	attr.prog_flags = word();
	attr.attach_btf_id = word();
	attr.log_level = word();
	attr.insn_cnt = word();
	struct bpf_insn *insns = (struct bpf_insn *)at;
	at += 2 * attr.insn_cnt;
	attr.insns = (long)insns;
	attr.license = (long)"GPL";
	attr.log_buf = (long)log_buf;
	attr.log_size = LOG_BYTES;
	log_buf[0] = 0;
	for (uint32_t i = 0; i < attr.insn_cnt; i++) {
		struct bpf_insn *insn = insns + i;
		int is_map = insn->src_reg == BPF_PSEUDO_MAP_FD || insn->src_reg == BPF_PSEUDO_MAP_VALUE;
		if (insn->code == LOAD_IMM64 && is_map && insn->imm >= 0 && insn->imm < (int)map_count)
			insn->imm = maps[insn->imm];
	}
	int fd = bpf(BPF_PROG_LOAD, &attr);
	fprintf(out, "{\"i\":%u,\"err\":%d,\"log\":", number, fd < 0 ? -errno : 0);
	text(log_buf);
	fputs("}\n", out);
	if (fd >= 0)
		close(fd);
	if (number % FLUSH_EVERY == 0)
		fflush(out);
}

// Another effective user has no capabilities.
static void become_nobody(void)
{
	char command[4096] = "";
	int fd = open("/proc/cmdline", O_RDONLY);
	if (fd < 0 || read(fd, command, sizeof command - 1) < 0)
		return;
	close(fd);
	if (!strstr(command, " as=none"))
		return;
	put("/proc/sys/kernel/unprivileged_bpf_disabled", "0");
	if (seteuid(NOBODY))
		exit(3);
}

int main(void)
{
	struct rlimit most = { RLIM_INFINITY, RLIM_INFINITY };
	struct stat info;
	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, "");
	mount("dev", "/dev", "devtmpfs", 0, "");
	for (int i = 0; i < 100 && !out; i++) {
		out = fopen("/dev/vport0p1", "w");
		if (!out)
			out = fopen("/dev/vport1p1", "w");
		if (!out)
			usleep(20000);
	}
	if (!out)
		reboot(RB_POWER_OFF);
	setvbuf(out, NULL, _IOFBF, 1 << 20);
	put("/proc/sys/net/core/bpf_jit_enable", "1");
	setrlimit(RLIMIT_MEMLOCK, &most);
	log_buf = malloc(LOG_BYTES);
	int fd = open("/corpus/batch", O_RDONLY);
	fstat(fd, &info);
	char *data = malloc(info.st_size);
	for (ssize_t have = 0, more; have < info.st_size; have += more) {
		more = read(fd, data + have, info.st_size - have);
		if (more <= 0)
			break;
	}
	at = (uint32_t *)data;
	become_nobody();
	make_maps(read_btf());
	uint32_t count = word();
	for (uint32_t i = 0; i < count; i++)
		load(i);
	fprintf(out, "{\"done\":%u}\n", count);
	fclose(out);
	sync();
	if (!seteuid(0))
		reboot(RB_POWER_OFF);
}
