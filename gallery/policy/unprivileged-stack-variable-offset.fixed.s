.type socket
	r2 = r10
	r2 += -8
	*(u64 *)(r10 - 8) = 0
	r3 = *(u8 *)(r2 + 0)
	r0 = 0
	exit
