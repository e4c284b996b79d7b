/* Asks the C library: frames of a 4-byte little-endian length and a value on stdin, one line "FINGERPRINT XSS" each on
 * stdout ("-" for no fingerprint). The value is NUL-terminated, because that is how the library wants it. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int libinjection_sqli(const char *input, size_t len, char fingerprint[]);
int libinjection_xss(const char *input, size_t len);

int main(void) {
    unsigned char head[4];
    while (fread(head, 1, 4, stdin) == 4) {
        size_t len = head[0] | head[1] << 8 | head[2] << 16 | (size_t)head[3] << 24;
        char fingerprint[16] = "";
        char *value = malloc(len + 1);
        if (value == NULL || fread(value, 1, len, stdin) != len) return 1;
        value[len] = '\0';
        int sqli = libinjection_sqli(value, len, fingerprint);
        printf("%s %d\n", sqli ? fingerprint : "-", libinjection_xss(value, len));
        free(value);
    }
    return 0;
}
