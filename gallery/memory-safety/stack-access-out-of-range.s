; An array of 16 bytes at the end of the frame, and the element behind its last one.
.type xdp
	*(u64 *)(r10 - 16) = 0
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -16
	r0 = *(u8 *)(r1 + 16)
	exit
