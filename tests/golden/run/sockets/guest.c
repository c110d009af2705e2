/* init of a guest: sends each packet of /corpus (NAME.pkt) over the loopback device and tells what filter.o, attached
 * to one socket of each kind, saw of it. One JSON line a packet on the virtio port. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>
#define COUNT 4
static const char *names[COUNT] = { "packet", "ip", "dgram", "transport" };
static int fds[COUNT], maps[COUNT];

static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0) perror(path);
	close(fd);
}

static int open_socket(int kind)
{
	struct sockaddr_ll link = { .sll_family = AF_PACKET, .sll_protocol = htons(3), .sll_ifindex = if_nametoindex("lo") };
	struct sockaddr_in here = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = -1;

	if (kind == 0 || kind == 2) {
		fd = socket(AF_PACKET, kind ? SOCK_DGRAM : SOCK_RAW, htons(3));
		if (bind(fd, (void *)&link, sizeof(link))) perror("bind");
	} else if (kind == 1) {
		fd = socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
	} else {
		fd = socket(AF_INET, SOCK_DGRAM, 0);
		if (bind(fd, (void *)&here, sizeof(here))) perror("bind");
	}
	return fd;
}

int main(void)
{
	FILE *out = NULL;
	struct ifreq up = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING | IFF_LOOPBACK };
	struct sockaddr_ll link = { .sll_family = AF_PACKET };
	struct utsname u;
	struct dirent *file;

	mkdir("/proc", 0755); mkdir("/sys", 0755); mkdir("/dev", 0755);
	mount("proc", "/proc", "proc", 0, ""); mount("sysfs", "/sys", "sysfs", 0, ""); mount("dev", "/dev", "devtmpfs", 0, "");
	for (int i = 0; i < 100 && !out; i++) { out = fopen("/dev/vport0p1", "w"); if (!out) out = fopen("/dev/vport1p1", "w"); if (!out) usleep(20000); }
	if (!out) reboot(RB_POWER_OFF);
	uname(&u);
	fprintf(out, "{\"kernel\":\"%s\"}\n", u.release);
	ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCSIFFLAGS, &up);
	link.sll_ifindex = if_nametoindex("lo");
	/* Packets of 127.0.0.1 that come in from a device, as these do, are dropped otherwise. */
	put("/proc/sys/net/ipv4/conf/all/route_localnet", "1");
	put("/proc/sys/net/ipv4/conf/all/accept_local", "1");
	put("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
	put("/proc/sys/net/ipv4/conf/lo/route_localnet", "1");
	put("/proc/sys/net/ipv4/conf/lo/accept_local", "1");
	put("/proc/sys/net/ipv4/conf/lo/rp_filter", "0");
	for (int i = 0; i < COUNT; i++) {
		struct bpf_object *obj = bpf_object__open_file("/corpus/filter.o", NULL);
		int prog;

		if (!obj || bpf_object__load(obj)) { fprintf(out, "{\"error\":\"load\"}\n"); continue; }
		prog = bpf_program__fd(bpf_object__find_program_by_name(obj, "look"));
		maps[i] = bpf_map__fd(bpf_object__find_map_by_name(obj, "told"));
		fds[i] = open_socket(i);
		if (setsockopt(fds[i], SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog))) fprintf(out, "{\"error\":\"attach\"}\n");
	}
	DIR *corpus = opendir("/corpus");
	int sender = socket(AF_PACKET, SOCK_RAW, 0);
	while ((file = readdir(corpus))) {
		unsigned char data[4096], zero[36] = {0}, seen[36];
		unsigned int key = 0;
		char path[300];
		int fd, size;

		if (!strstr(file->d_name, ".pkt")) continue;
		snprintf(path, sizeof(path), "/corpus/%s", file->d_name);
		fd = open(path, O_RDONLY); size = read(fd, data, sizeof(data)); close(fd);
		for (int i = 0; i < COUNT; i++) bpf_map_update_elem(maps[i], &key, zero, 0);
		if (sendto(sender, data, size, 0, (void *)&link, sizeof(link)) != size) fprintf(out, "{\"error\":\"send\"}\n");
		usleep(300000);
		fprintf(out, "{\"name\":\"%.*s\",\"bytes\":\"", (int)strlen(file->d_name) - 4, file->d_name);
		for (int j = 0; j < size; j++) fprintf(out, "%02x", data[j]);
		fprintf(out, "\"");
		for (int i = 0; i < COUNT; i++) {
			bpf_map_lookup_elem(maps[i], &key, seen);
			fprintf(out, ",\"%s\":[", names[i]);
			for (int j = 0; j < 9; j++) fprintf(out, "%s%u", j ? "," : "", ((unsigned int *)seen)[j]);
			fprintf(out, "]");
		}
		fprintf(out, "}\n"); fflush(out);
	}
	fprintf(out, "{\"done\":1}\n"); fclose(out);
	sync(); reboot(RB_POWER_OFF);
}
