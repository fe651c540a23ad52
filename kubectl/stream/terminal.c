#include "kubectl/stream/terminal.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static int raw_fd = -1;

void terminal_restore(void)
{
	if (raw_fd >= 0)
		tcsetattr(raw_fd, TCSADRAIN, &saved);
	raw_fd = -1;
}

bool terminal_raw(int fd)
{
	static bool registered;
	struct termios raw;
	if (!isatty(fd) || tcgetattr(fd, &saved))
		return false;
	if (!registered)
		atexit(terminal_restore);
	registered = true;
	raw = saved;
	cfmakeraw(&raw);
	raw_fd = fd;
	return tcsetattr(fd, TCSADRAIN, &raw) == 0;
}

bool terminal_size(unsigned short *ret_columns, unsigned short *ret_rows)
{
	struct winsize size;
	if (ioctl(1, TIOCGWINSZ, &size) && ioctl(0, TIOCGWINSZ, &size))
		return false;
	if (!size.ws_col)
		return false;
	*ret_columns = size.ws_col;
	*ret_rows = size.ws_row;
	return true;
}
