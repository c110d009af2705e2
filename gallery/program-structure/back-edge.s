; r2 counts down from 4.
.type socket
	r0 = 0
	r2 = 4
again:
	r0 += 2
	r2 += -1
	if r2 != 0 goto again
	exit
