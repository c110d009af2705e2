.type syscall
.map first arena 0 0 1 0x400
	r1 = map[first] ll
	r0 = 0
	exit
