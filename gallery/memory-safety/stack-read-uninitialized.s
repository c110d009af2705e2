; The slot below the one that is read was written, but not the one that is read.
.type socket
	*(u64 *)(r10 - 16) = 0
	r0 = *(u64 *)(r10 - 8)
	exit
