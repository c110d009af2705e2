.type socket
	r2 = r10
	r0 = 0
	exit
