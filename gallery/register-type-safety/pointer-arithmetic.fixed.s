.type socket
	r0 = *(u32 *)(r1 + 0)
	r0 = -r0
	exit
