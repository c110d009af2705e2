; A move that extends the sign, an instruction of -mcpu=v4.
.type socket
    r1 = 200
    r0 = (s8)r1
    r0 = 0
    exit
