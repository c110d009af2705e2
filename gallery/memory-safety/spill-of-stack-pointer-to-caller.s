; The called function stores its frame pointer in the caller's frame.
.type xdp
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -8
	call store
	r0 = 2
	exit
store:
	*(u64 *)(r1 + 0) = r10
	r0 = 0
	exit
