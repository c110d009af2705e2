/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once
#include <stddef.h>
#include <linux/types.h>
#ifndef __VMLINUX_H__
typedef int pid_t;
typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef unsigned int mode_t;
typedef long long off_t;
typedef long ssize_t;
typedef unsigned long ino_t;
typedef unsigned long dev_t;
#endif
