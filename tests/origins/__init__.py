"""How much of what people have is converted: a program for each origin that counts, and prints what it refuses."""
