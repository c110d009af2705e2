.type socket
	r6 = *(u32 *)(r1 + 0)
	r6 &= 7
	r2 = r10
	r2 += -8
	*(u64 *)(r10 - 8) = 0
	r2 += r6
	r3 = *(u8 *)(r2 + 0)
	r0 = 0
	exit
