.type xdp
	r0 = 2
	r0 /= 1
	exit
