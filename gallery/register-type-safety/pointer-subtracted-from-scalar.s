.type xdp
	r2 = 100
	r3 = *(u32 *)(r1 + 0)
	r2 -= r3
	r0 = 2
	exit
