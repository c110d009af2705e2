.type socket
.map kept array 4 8 1
	r1 = map[kept] ll
	r2 = *(u32 *)(r1 - 8)
	r0 = 0
	exit
