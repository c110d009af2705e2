; It stores a number there.
.type xdp
	*(u64 *)(r10 - 8) = 0
	r1 = r10
	r1 += -8
	call store
	r0 = 2
	exit
store:
	*(u64 *)(r1 + 0) = 7
	r0 = 0
	exit
