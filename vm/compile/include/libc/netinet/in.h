/* SPDX-License-Identifier: GPL-2.0-only */
/* What programs take from the C library's header, from the kernel's. */
#pragma once
#include <stdint.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <sys/socket.h>
#include <bpf/bpf_endian.h>
typedef __u32 in_addr_t;
typedef __u16 in_port_t;
#ifndef htons
#define htons(x) bpf_htons(x)
#define ntohs(x) bpf_ntohs(x)
#define htonl(x) bpf_htonl(x)
#define ntohl(x) bpf_ntohl(x)
#endif
