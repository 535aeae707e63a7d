// The first process of the machine that .ci/emulate-avx512 boots: runs /program, copies its output
// to the emulator's debug port, reports its exit code and switches the machine off.
#include <stdio.h>
#include <sys/io.h>
#include <sys/wait.h>
#include <unistd.h>

static void put(const char* text, long count) {
    if (count > 0) outsb(0xE9, text, (unsigned long)count);
}

int main(void) {
    static char arguments[4096], buffer[4096];
    char *argv[64], *const environment[] = {NULL};
    int argc = 0, output[2], status = 0;
    long count = 0;
    if (iopl(3) != 0 || pipe(output) != 0) return 1;

    FILE* file = fopen("/arguments", "rb");  // strings that end with NUL, the program's name first
    if (file) count = (long)fread(arguments, 1, sizeof arguments - 1, file);
    for (char* at = arguments; at < arguments + count && argc < 63; ++at)
        if (at == arguments || at[-1] == '\0') argv[argc++] = at;
    argv[argc] = NULL;

    put("@@BEGIN\n", 8);
    const pid_t child = fork();
    if (child == 0) {
        dup2(output[1], 1);
        dup2(output[1], 2);
        close(output[0]);
        close(output[1]);
        execve("/program", argv, environment);
        _exit(127);
    }
    close(output[1]);
    while ((count = read(output[0], buffer, sizeof buffer)) > 0) put(buffer, count);
    waitpid(child, &status, 0);
    count = snprintf(buffer, sizeof buffer, "@@EXIT %d\n",
                     WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    put(buffer, count);
    for (const char* at = "Shutdown"; *at; ++at) outb((unsigned char)*at, 0x8900);
    for (;;) pause();
}
