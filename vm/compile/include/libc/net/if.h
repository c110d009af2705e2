/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once
#include <sys/socket.h>
#include <linux/if.h>
