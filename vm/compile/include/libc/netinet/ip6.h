/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once
#include <netinet/in.h>
#include <linux/ipv6.h>
