; Which field of the context is read depends on a number from the context.
.type xdp
	r2 = *(u32 *)(r1 + 12)
	r2 &= 4
	r1 += r2
	r0 = *(u32 *)(r1 + 0)
	exit
