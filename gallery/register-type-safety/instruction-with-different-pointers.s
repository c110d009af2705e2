; The last load reads the context on one path, and the stack on the other.
.type socket
	*(u64 *)(r10 - 8) = 0
	r2 = *(u32 *)(r1 + 0)
	if r2 == 0 goto load
	r1 = r10
	r1 += -8
load:
	r0 = *(u32 *)(r1 + 0)
	exit
