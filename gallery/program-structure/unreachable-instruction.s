; The second exit follows an exit, and nothing jumps to it.
.type xdp
	r0 = 2
	exit
	r0 = 1
	exit
