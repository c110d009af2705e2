.type socket
	r6 = r1
	r0 = *(u8 *)skb[14]
	exit
