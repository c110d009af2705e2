.type xdp
	call local
	r0 = *(u64 *)(r0 + 0)
	exit
local:
	*(u64 *)(r10 - 8) = 2
	r0 = r10
	r0 += -8
	exit
