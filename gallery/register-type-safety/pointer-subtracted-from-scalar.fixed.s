.type xdp
	r2 = 14
	r3 = *(u32 *)(r1 + 0)
	r3 -= r2
	r0 = 2
	exit
