; Without the loop.
.type socket
	r0 = 0
	r0 += 2
	r0 += 2
	r0 += 2
	r0 += 2
	exit
