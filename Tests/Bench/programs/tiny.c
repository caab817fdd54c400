// The least a program can do.
int main(void) { return 0; }
