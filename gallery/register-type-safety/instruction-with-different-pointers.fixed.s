; Each path has its own load.
.type socket
	*(u64 *)(r10 - 8) = 0
	r2 = *(u32 *)(r1 + 0)
	if r2 == 0 goto load
	r0 = *(u32 *)(r10 - 8)
	exit
load:
	r0 = *(u32 *)(r1 + 0)
	exit
