/* SPDX-License-Identifier: GPL-2.0-only */
/* Empty: a BPF program has no C library. Its types and NULL only. */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
