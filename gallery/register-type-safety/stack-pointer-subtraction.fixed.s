; The number is from -8 to -1.
.type xdp
	r2 = *(u32 *)(r1 + 12)
	r2 &= 7
	r2 += -8
	r3 = r10
	r3 += r2
	r0 = 2
	exit
