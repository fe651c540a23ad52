/* terminal: raw mode, restored at exit whatever happens, and the window's size. */
#ifndef CUBE_KUBECTL_STREAM_TERMINAL_H
#define CUBE_KUBECTL_STREAM_TERMINAL_H

#include <stdbool.h>

bool terminal_raw(int fd); /* false when fd is no terminal */
void terminal_restore(void);
bool terminal_size(unsigned short *ret_columns, unsigned short *ret_rows);

#endif
