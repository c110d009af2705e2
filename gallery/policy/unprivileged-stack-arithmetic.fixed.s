.type socket
	r2 = r10
	r2 += -500
	r0 = 0
	exit
