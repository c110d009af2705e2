; The constant was meant to be 16.
.type xdp
	r1 = *(u32 *)(r1 + 0)
	r2 = 0x100000000 ll
	r1 += r2
	r0 = 1
	exit
