.type socket
	r2 = r10
	r2 += -512
	r6 = 4
	r2 += r6
	r0 = 0
	exit
