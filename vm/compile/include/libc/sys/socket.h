/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once
#include <linux/socket.h>
#ifndef __VMLINUX_H__
struct sockaddr {
	__kernel_sa_family_t sa_family;
	char sa_data[14];
};
#endif
#ifndef AF_INET
#define AF_UNSPEC 0
#define AF_UNIX 1
#define AF_INET 2
#define AF_INET6 10
#define AF_NETLINK 16
#define AF_PACKET 17
#define SOCK_STREAM 1
#define SOCK_DGRAM 2
#define SOCK_RAW 3
#endif
