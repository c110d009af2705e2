.type xdp
	r1 = *(u32 *)(r1 + 0)
	r2 = 16
	r1 += r2
	r0 = 1
	exit
