.type socket
	r0 = r1
	r0 = -r0
	exit
