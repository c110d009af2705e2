.type socket
.map kept array 4 8 1
	r1 = map[kept] ll
	*(u32 *)(r1 + 0) = 1
	r0 = 0
	exit
