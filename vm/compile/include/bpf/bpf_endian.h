/* SPDX-License-Identifier: GPL-2.0-only */
/* Network and host byte order. Constants are folded by the compiler, also in initialisers. */
#ifndef __BPF_ENDIAN__
#define __BPF_ENDIAN__

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ___bpf_order16(x) __builtin_bswap16(x)
#define ___bpf_order32(x) __builtin_bswap32(x)
#define ___bpf_order64(x) __builtin_bswap64(x)
#else
#define ___bpf_order16(x) (x)
#define ___bpf_order32(x) (x)
#define ___bpf_order64(x) (x)
#endif

#define bpf_htons(x) ___bpf_order16(x)
#define bpf_ntohs(x) ___bpf_order16(x)
#define bpf_htonl(x) ___bpf_order32(x)
#define bpf_ntohl(x) ___bpf_order32(x)
#define bpf_cpu_to_be64(x) ___bpf_order64(x)
#define bpf_be64_to_cpu(x) ___bpf_order64(x)

#define __bpf_htons(x) ___bpf_order16(x)
#define __bpf_ntohs(x) ___bpf_order16(x)
#define __bpf_htonl(x) ___bpf_order32(x)
#define __bpf_ntohl(x) ___bpf_order32(x)
#define __bpf_cpu_to_be64(x) ___bpf_order64(x)
#define __bpf_be64_to_cpu(x) ___bpf_order64(x)
#define __bpf_constant_htons(x) ___bpf_order16(x)
#define __bpf_constant_ntohs(x) ___bpf_order16(x)
#define __bpf_constant_htonl(x) ___bpf_order32(x)
#define __bpf_constant_ntohl(x) ___bpf_order32(x)
#define __bpf_constant_cpu_to_be64(x) ___bpf_order64(x)
#define __bpf_constant_be64_to_cpu(x) ___bpf_order64(x)

#endif
