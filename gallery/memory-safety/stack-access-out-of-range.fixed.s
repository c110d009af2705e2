; The last element.
.type xdp
	*(u64 *)(r10 - 16) = 0
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -16
	r0 = *(u8 *)(r1 + 15)
	exit
