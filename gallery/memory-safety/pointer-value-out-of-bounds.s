; The number is at least 0x40000000 here.
.type xdp
	r2 = *(u32 *)(r1 + 12)
	r3 = *(u32 *)(r1 + 0)
	r0 = 1
	if r2 < 0x40000000 goto out
	r3 += r2
out:
	exit
