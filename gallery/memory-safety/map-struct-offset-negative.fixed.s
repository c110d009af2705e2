.type socket
.map kept array 4 8 1
	r1 = map[kept] ll
	r2 = *(u64 *)(r1 + 0)
	r0 = 0
	exit
