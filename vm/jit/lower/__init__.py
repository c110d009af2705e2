"""One table from opcode to machine code for every instruction that needs to know nothing but itself."""
