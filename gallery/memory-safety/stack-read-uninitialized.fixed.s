.type socket
	*(u64 *)(r10 - 16) = 0
	r0 = *(u64 *)(r10 - 16)
	exit
