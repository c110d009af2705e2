.type socket
	r0 = 0
	if r1 > 100 goto out
	r0 = 1
out:
	exit
